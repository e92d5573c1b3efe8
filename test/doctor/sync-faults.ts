import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { connect } from 'node:net';
import type { WebSocket } from 'ws';
import { Authority } from '../support/authority.ts';
import { encodeFrame } from '../support/frames.ts';
import type { Fault, Planted } from './fault.ts';
import { switching, tcpPeer, tlsFront } from './peers.ts';
import { syncPeer, webSocketPeer } from './sync-peer.ts';
import type { SyncPeerOptions } from './sync-peer.ts';

const at = (port: number, more: Partial<Planted> = {}): Planted => ({
  url: `ws://127.0.0.1:${port}/sync/doc`,
  ...more,
});

/** A peer that opens the WebSocket and closes it with this code. */
function closes(name: string, expected: Fault['expected'], code: number, more: Partial<Planted> = {}): Fault {
  return web(name, expected, (webSocket) => webSocket.close(code, 'reason'), more);
}

function web(
  name: string,
  expected: Fault['expected'],
  handle: (webSocket: WebSocket) => void,
  more: Partial<Planted> = {},
): Fault {
  return { name, expected, plant: async (t) => at(await webSocketPeer(t, handle), more) };
}

/** A sync server with a fault. */
function syncs(name: string, expected: Fault['expected'], options: SyncPeerOptions, deps: Planted['deps'] = {}): Fault {
  return { name, expected, plant: async (t) => at(await syncPeer(t, options), { deps }) };
}

/** A sync server whose nth answer takes this long, by a clock that only the server moves. */
function delays(name: string, expected: Fault['expected'], delayMs: (answer: number) => number): Fault {
  return {
    name,
    expected,
    async plant(t) {
      let nowMs = 0;
      const port = await syncPeer(t, { delay: (answer) => (nowMs += delayMs(answer)) });
      return at(port, { deps: { monotonicMs: () => nowMs } });
    },
  };
}

/** A sync server that closes or dies long before the doctor's idle time is over. */
function goesSilent(name: string, expected: Fault['expected'], end: 'close' | 'die'): Fault {
  return {
    name,
    expected,
    async plant(t, _quire, stepTimeoutMs) {
      const port = await syncPeer(t, { silence: { afterMs: stepTimeoutMs / 5, end } });
      return at(port, { deps: { idleMs: stepTimeoutMs } });
    },
  };
}

export const syncFaults: readonly Fault[] = [
  closes('a token that is missing after the upgrade', 'sync-token-missing', 4401),
  closes('a token that is refused after the upgrade', 'sync-token-refused', 4401, { token: 'x' }),
  closes('a token for other documents', 'sync-forbidden', 4403, { token: 'x' }),
  closes('a token that has expired', 'sync-grant-ended', 4501, { token: 'x' }),
  closes('messages that the server cannot read', 'sync-refused', 4400),
  closes('a deleted document', 'sync-deleted', 4404),
  closes('storage that fails', 'sync-storage', 4503),
  closes('a limit', 'sync-limit', 4529),
  closes('a restart', 'sync-restarting', 1012),
  closes('a busy server', 'sync-busy', 1013),
  closes('a server that has failed', 'sync-internal', 1011),
  closes('an unknown close code', 'sync-closed', 4999),
  web('a proxy that cuts WebSockets', 'sync-cut', (webSocket) => webSocket.terminate()),
  {
    name: 'a filter that changes bytes',
    expected: 'sync-bad-frame',
    plant: async (t) => {
      const open = await switching(t, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: ACCEPT');
      // Forwards the handshake, and then a byte with which no frame begins.
      return at(
        await tcpPeer(t, (socket) => {
          const behind = connect(open, '127.0.0.1');
          behind.on('error', () => {});
          socket.pipe(behind).pipe(socket);
          behind.once('data', () => setImmediate(() => socket.write(Buffer.alloc(16, 0xff))));
        }),
      );
    },
  },
  web('a WebSocket that says nothing', 'sync-silent', () => {}),
  web('an echo service', 'sync-echo', (webSocket) => webSocket.on('message', (data) => webSocket.send(data))),
  web('a service that speaks in text', 'sync-text', (webSocket) => webSocket.send('{"type":"hello"}')),
  web('a binary service of another kind', 'sync-not-yjs', (webSocket) => webSocket.send(Uint8Array.of(99, 1, 2))),
  web('a document that does not load', 'sync-no-answer', (webSocket) =>
    webSocket.send(encodeFrame({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })),
  ),
  web('a document that is denied', 'sync-denied', (webSocket) =>
    webSocket.send(encodeFrame({ type: 'denied', reason: 'not yours' })),
  ),
  syncs('a token that may only read', 'sync-read-only', { writable: false }),
  syncs('a server that never says saved', 'sync-not-saved', { probe: false }),
  syncs('two servers with separate documents', 'sync-not-shared', { share: false }),
  syncs('a server that does not relay edits', 'sync-not-relayed', { relay: false }),
  delays('a slow line', 'latency-slow', () => 310),
  delays('a line that hangs sometimes', 'latency-uneven', (answer) => (answer === 12 ? 1_100 : 0)),
  syncs('a proxy that limits the message size', 'size-refused', { large: 'refuse' }),
  syncs('a firewall that cuts large messages', 'size-cut', { large: 'cut' }),
  syncs('a line that loses large messages', 'size-stalled', { large: 'lose' }),
  goesSilent('a proxy that ends idle connections', 'idle-cut', 'close'),
  goesSilent('a firewall that forgets idle connections', 'idle-dead', 'die'),
  syncs('a proxy that swallows pings', 'idle-no-ping', {}, { idleMs: 300, proxyIdleMs: 200 }),
  closes('a document that is forbidden without a token', 'sync-closed-forbidden', 4403),
  hocuspocus('a Hocuspocus that closes on messages that it cannot read', 4403),
  hocuspocus('a Hocuspocus that reports a missing login', 4401),
  hocuspocus('a Hocuspocus that waits for a login', null),
  ...(['TLSv1.2', 'TLSv1.3'] as const).map((version): Fault => ({
    name: `a server with ${version} that wants a client certificate, and closes without one`,
    expected: 'sync-client-certificate',
    plant: async (t) => {
      const port = await webSocketPeer(t, (webSocket) => webSocket.close(4401, 'unauthorized'));
      const root = Authority.root();
      const versions = { minVersion: version, maxVersion: version };
      const options = { ...root.leaf(), requestCert: true, rejectUnauthorized: false, ...versions };
      return { url: `wss://localhost:${await tlsFront(t, options, port)}/sync/doc`, ca: root.cert };
    },
  })),
  {
    name: 'a server with TLS that wants a token, and no certificate',
    expected: 'sync-token-missing',
    plant: async (t) => {
      const port = await webSocketPeer(t, (webSocket) => webSocket.close(4401, 'unauthorized'));
      const root = Authority.root();
      return { url: `wss://localhost:${await tlsFront(t, root.leaf(), port)}/sync/doc`, ca: root.cert };
    },
  },
  {
    name: 'a close reason full of control characters',
    expected: 'sync-closed',
    says: /code 4999: \ufffd\[2J\ufffd\ufffdgone/,
    plant: async (t) => at(await webSocketPeer(t, (webSocket) => webSocket.close(4999, '\u001b[2J\u2066\u0090gone'))),
  },
];

/** A server with the protocol of Hocuspocus: each frame begins with the document's name, and a login comes first. */
function hocuspocus(name: string, closeCode: number | null): Fault {
  return web(name, 'sync-hocuspocus', (webSocket) => {
    webSocket.on('message', (data: Buffer) => {
      const document = documentOfLogin(data);
      if (document === null) {
        if (closeCode !== null) webSocket.close(closeCode, 'Forbidden');
        return;
      }
      const encoder = encoding.createEncoder();
      encoding.writeVarString(encoder, document);
      encoding.writeVarUint(encoder, 2);
      encoding.writeVarUint(encoder, 1);
      encoding.writeVarString(encoder, 'permission-denied');
      webSocket.send(encoding.toUint8Array(encoder));
    });
  });
}

/** The document in a login frame; null for any other bytes. */
function documentOfLogin(data: Buffer): string | null {
  try {
    const decoder = decoding.createDecoder(data);
    const document = decoding.readVarString(decoder);
    return decoding.readVarUint(decoder) === 2 ? document : null;
  } catch {
    return null;
  }
}
