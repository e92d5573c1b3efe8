import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ListenError } from '../../../server/net/listener.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness, parseAnswer, readToEnd } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';

/**
 * Runs `wait`, which waits for the end of a client, beside a client whose header is complete and whose body is not. The
 * second client has three times as long, and is still served when the first has been cut off. If the machine stalls for
 * longer than that, the result says nothing, and the run is repeated with a longer timeout. Resolves with the network
 * of the successful run.
 */
async function endsBeforeBodies(
  owner: Owner,
  tls: boolean,
  wait: (net: NetHarness) => Promise<void>,
  handshakeTimeoutMs = 200,
): Promise<NetHarness> {
  const net = await NetHarness.start(owner, { tls, handshakeTimeoutMs });
  const patient = await net.socket();
  patient.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nha');
  await wait(net);
  patient.write('lf');
  const { status } = parseAnswer(await readToEnd(patient));
  if (status === 200) return net;
  assert.ok(handshakeTimeoutMs < 10_000, `the body was ended as early as the header, with ${status}`);
  return endsBeforeBodies(owner, tls, wait, handshakeTimeoutMs * 4);
}

function explained(sentence: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ListenError && sentence.test(error.message);
}

for (const tls of [false, true]) {
  const over = tls ? 'TLS' : 'plain TCP';

  test(`over ${over}, plain requests are answered over HTTP/1.1`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const socket = await net.socket();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const text = await readToEnd(socket);
    assert.equal(parseAnswer(text).status, 200);
    assert.match(text, /http/);
  });

  test(`over ${over}, a client with an incomplete header is cut off by the handshake deadline (I7)`, async (t) => {
    const { stats } = await endsBeforeBodies(t, tls, async (net) => {
      const socket = await net.socket();
      socket.write('GET /sync/doc HTTP/1.1\r\nHost: ');
      const { status, body } = parseAnswer(await readToEnd(socket));
      assert.equal(status, 408);
      assert.equal((JSON.parse(body) as { error: string }).error, 'request-timeout');
    });
    assert.equal(stats.requestsUnreadable.get('request-timeout'), 1);
  });

  test(`over ${over}, a client that sends nothing is cut off by the handshake deadline (I7)`, async (t) => {
    await endsBeforeBodies(t, tls, async (net) => {
      await readToEnd(await net.socket());
    });
  });
}

test('a TLS handshake that does not begin is cut off by the deadline and counted (I7, I8)', async (t) => {
  const { stats } = await endsBeforeBodies(t, true, async (net) => {
    const socket = connect(net.port, '127.0.0.1');
    socket.on('error', () => {});
    await within(guardMs, 'the end of the handshake', once(socket, 'close'));
  });
  assert.equal(stats.tlsHandshakesFailed, 1);
  assert.equal(stats.requestsUnreadable.size, 0, 'nobody waited for an answer');
});

test('TLS 1.1 is refused; with 1.2 or newer, ALPN selects http/1.1', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  const options = { port: net.port, host: '127.0.0.1', servername: 'localhost', ca: net.ca };
  const old = connectTls({ ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  await assert.rejects(once(old, 'secureConnect'));
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = connectTls({
      ...options,
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    assert.equal(socket.alpnProtocol, 'http/1.1');
    assert.equal(socket.getProtocol(), version);
    socket.destroy();
  }
});

test('an address that cannot be listened on is explained in a sentence', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const taken = (other.address() as AddressInfo).port;
  const net = await NetHarness.start(t);
  await net.listener.close(0);
  await assert.rejects(net.listener.listen('127.0.0.1', taken), explained(new RegExp(`Port ${taken} .* in use`)));
  await assert.rejects(net.listener.listen('192.0.2.1', 0), explained(/not an address of this machine/));
});

test('close() does not wait longer than its deadline for silent sockets', async (t) => {
  const net = await NetHarness.start(t, { tls: true, handshakeTimeoutMs: 60_000 });
  const silent = connect(net.port, '127.0.0.1');
  silent.on('error', () => {});
  const inHandshake = once(silent, 'close');
  const secure = await net.socket();
  await within(guardMs, 'the end of the listener', net.listener.close(100));
  await inHandshake;
  secure.destroy();
});
