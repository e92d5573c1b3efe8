import { RawClient } from '../support/raw-client.ts';
import { Quire } from '../support/quire.ts';
import type { Fault, Planted } from './fault.ts';
import { answering, headerProxy, httpAnswer, switching, tcpPeer, tlsPeer } from './peers.ts';
import { Authority } from '../support/authority.ts';

const at = (port: number, more: Partial<Planted> = {}): Planted => ({
  url: `ws://127.0.0.1:${port}/sync/doc`,
  ...more,
});

/** A peer that answers with this status. */
function answers(
  name: string,
  expected: Fault['expected'],
  [status, headers = [], body = '']: readonly [string, (readonly string[])?, string?],
  more: Partial<Planted> = {},
): Fault {
  return { name, expected, plant: async (t) => at(await answering(t, httpAnswer(status, headers, body)), more) };
}

/** A peer that answers with 101 and these headers. */
function switches(name: string, expected: Fault['expected'], ...headers: readonly string[]): Fault {
  return { name, expected, plant: async (t) => at(await switching(t, ...headers)) };
}

const upgrade = ['Upgrade: websocket', 'Connection: Upgrade'];

export const upgradeFaults: readonly Fault[] = [
  {
    name: 'a proxy that strips the Upgrade header',
    expected: 'upgrade-headers-stripped',
    plant: async (t, quire) =>
      at(
        await headerProxy(t, Number(new URL(quire.url).port), (headers) => {
          delete headers.upgrade;
          headers.connection = 'close';
        }),
      ),
  },
  {
    name: 'a proxy that drops the key',
    expected: 'upgrade-headers-changed',
    plant: async (t, quire) =>
      at(await headerProxy(t, Number(new URL(quire.url).port), (headers) => delete headers['sec-websocket-key'])),
  },
  answers('a web site in place of the server', 'upgrade-ignored', ['200 OK', [], '<title>Welcome</title>']),
  answers('a server that wants an upgrade', 'upgrade-required', ['426 Upgrade Required']),
  answers('a request that is refused as malformed', 'upgrade-bad-request', [
    '400 Bad Request',
    [],
    '<title>400</title>',
  ]),
  {
    name: 'ws on a port that speaks TLS',
    expected: 'upgrade-needs-tls',
    plant: async (t) => at(await tlsPeer(t, Authority.root().leaf())),
  },
  {
    name: 'ws on the TLS port of Quire',
    expected: 'upgrade-needs-tls',
    plant: async (_t, quire) => ({ url: `${quire.wssUrl.replace('wss:', 'ws:')}/doc` }),
  },
  answers('a redirect', 'upgrade-redirect', ['302 Found', ['Location: http://other.test/']]),
  answers('a redirect to TLS', 'upgrade-redirect-tls', ['301 Moved', ['Location: https://127.0.0.1/sync/doc']]),
  answers('a login that is missing', 'upgrade-token-missing', ['401 Unauthorized']),
  answers('a token that is refused', 'upgrade-token-refused', ['401 Unauthorized'], { token: 'x' }),
  {
    name: 'a page of another origin',
    expected: 'upgrade-origin',
    plant: async (_t, quire) => ({ url: `${quire.url}/doc`, origin: 'https://other.test' }),
  },
  answers('a firewall for applications', 'upgrade-forbidden', ['403 Forbidden'], { origin: 'https://app.test' }),
  answers('a proxy that wants a login', 'upgrade-proxy-login', ['407 Proxy Authentication Required']),
  {
    name: 'a wrong path to Quire',
    expected: 'upgrade-wrong-path',
    plant: async (_t, quire) => ({ url: `${quire.url.replace('/sync', '/collab')}/doc` }),
  },
  answers('a path that nobody serves', 'upgrade-not-found', ['404 Not Found', [], 'nothing here']),
  {
    name: 'a name that no document can have',
    expected: 'upgrade-bad-document',
    plant: async (_t, quire) => ({ url: `${quire.url}/a%00b` }),
  },
  answers('too many requests', 'upgrade-throttled', ['429 Too Many Requests']),
  answers('a server that fails', 'upgrade-server-error', ['500 Internal Server Error']),
  answers('a proxy without its server', 'upgrade-bad-gateway', ['502 Bad Gateway']),
  answers('a load balancer without targets', 'upgrade-unavailable', ['503 Service Unavailable']),
  {
    name: 'a server that is full',
    expected: 'upgrade-overloaded',
    async plant(t) {
      const full = await Quire.start(t, { tls: 'off', args: ['--max-connections', '1', '--ephemeral'] });
      const client = await RawClient.open(`${full.url}/doc`);
      t.after(() => client.terminate());
      return { url: `${full.url}/doc` };
    },
  },
  answers('a server that is ending', 'upgrade-restarting', [
    '503 Service Unavailable',
    ['Content-Type: application/json'],
    '{"error":"shutting-down","reason":"server is restarting"}',
  ]),
  answers('a server that is too slow for its proxy', 'upgrade-gateway-timeout', ['504 Gateway Timeout']),
  answers('a status that means nothing here', 'upgrade-status', ["418 I'm a teapot"]),
  switches('a cached answer', 'upgrade-bad-accept', ...upgrade, 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
  switches('an answer without Upgrade', 'upgrade-incomplete', 'Connection: Upgrade', 'Sec-WebSocket-Accept: ACCEPT'),
  switches(
    'a subprotocol that nobody offered',
    'upgrade-protocol',
    ...upgrade,
    'Sec-WebSocket-Accept: ACCEPT',
    'Sec-WebSocket-Protocol: graphql-ws',
  ),
  switches(
    'an extension that nobody offered',
    'upgrade-extension',
    ...upgrade,
    'Sec-WebSocket-Accept: ACCEPT',
    'Sec-WebSocket-Extensions: permessage-deflate',
  ),
  {
    name: 'HTTP/2 without being asked',
    expected: 'upgrade-http2',
    // An empty SETTINGS frame.
    plant: async (t) => at(await answering(t, Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0))),
  },
  {
    name: 'ws on a port of SSH',
    expected: 'upgrade-not-http',
    plant: async (t) => at(await answering(t, 'SSH-2.0-OpenSSH_9.2\r\n')),
  },
  {
    name: 'a firewall that cuts upgrades',
    expected: 'upgrade-cut',
    plant: async (t) => at(await tcpPeer(t, (socket) => socket.once('data', () => socket.destroy()))),
  },
  {
    name: 'an upgrade without answer',
    expected: 'upgrade-silent',
    plant: async (t) => at(await tcpPeer(t, (socket) => socket.resume())),
  },
];
