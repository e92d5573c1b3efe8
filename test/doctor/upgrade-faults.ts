import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { RawClient } from '../support/raw-client.ts';
import { Quire } from '../support/quire.ts';
import type { Fault, Planted } from './fault.ts';
import { answering, gateway, headerProxy, httpAnswer, passing, switching, tcpPeer, tlsPeer } from './peers.ts';
import { Authority } from '../support/authority.ts';
import type { Owner } from '../support/owner.ts';

const at = (port: number, more: Partial<Planted> = {}): Planted => ({
  url: `ws://127.0.0.1:${port}/sync/doc`,
  ...more,
});

/** sync.test is this machine. */
const named: Partial<DoctorDeps> = { lookup: async () => [{ address: '127.0.0.1', family: 4 }] };
/** The same with 0.0.0.0, which does not look like this machine, but which Linux treats as 127.0.0.1. */
const elsewhere: Partial<DoctorDeps> = { lookup: async () => [{ address: '0.0.0.0', family: 4 }] };

function portOf({ url }: Quire): number {
  return Number(new URL(url).port);
}

/** A peer that answers with this status. */
function answers(
  name: string,
  expected: Fault['expected'],
  [status, headers = [], body = '']: readonly [string, (readonly string[])?, string?],
  more: Partial<Planted> = {},
): Fault {
  return { name, expected, plant: async (t) => at(await answering(t, httpAnswer(status, headers, body)), more) };
}

/** A server that allows pages of its own host only. */
function withTokens(owner: Owner): Promise<Quire> {
  const env = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
  return Quire.start(owner, { tls: 'off', args: ['--ephemeral'], env });
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
        await headerProxy(t, portOf(quire), (headers) => {
          delete headers.upgrade;
          headers.connection = 'close';
        }),
      ),
  },
  {
    name: 'a proxy that drops the key',
    expected: 'upgrade-headers-changed',
    plant: async (t, quire) =>
      at(await headerProxy(t, portOf(quire), (headers) => delete headers['sec-websocket-key'])),
  },
  answers('a web site in place of the server', 'upgrade-ignored', ['200 OK', [], '<title>Welcome</title>']),
  answers('a server that requires an upgrade', 'upgrade-required', ['426 Upgrade Required']),
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
  answers('a firewall for web applications', 'upgrade-forbidden', ['403 Forbidden'], { origin: 'https://app.test' }),
  answers('a proxy that wants a login', 'upgrade-proxy-login', ['407 Proxy Authentication Required']),
  {
    name: 'a wrong path to Quire',
    expected: 'upgrade-wrong-path',
    plant: async (_t, quire) => ({ url: `${quire.url.replace('/sync', '/collab')}/doc` }),
  },
  answers('a path that is not served', 'upgrade-not-found', ['404 Not Found', [], 'nothing here']),
  {
    name: 'a name that is not allowed for documents',
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
  answers('an unexpected status', 'upgrade-status', ["418 I'm a teapot"]),
  switches('a cached answer', 'upgrade-bad-accept', ...upgrade, 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
  switches('an answer without Upgrade', 'upgrade-incomplete', 'Connection: Upgrade', 'Sec-WebSocket-Accept: ACCEPT'),
  switches(
    'a subprotocol that was not offered',
    'upgrade-protocol',
    ...upgrade,
    'Sec-WebSocket-Accept: ACCEPT',
    'Sec-WebSocket-Protocol: graphql-ws',
  ),
  switches(
    'an extension that was not offered',
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
  {
    name: 'a proxy that speaks HTTP/1.0 and passes the headers on',
    expected: 'upgrade-http-1-0',
    plant: async (t, quire) =>
      at(await gateway(t, portOf(quire), (head) => ({ pass: head.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n') }))),
  },
  {
    name: 'a proxy that speaks HTTP/1.0 and drops the headers',
    expected: 'upgrade-headers-stripped',
    plant: async (t, quire) =>
      at(
        await gateway(t, portOf(quire), (head) => ({
          pass: head.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n').replace(/^(upgrade|connection): .*\r\n/gim, ''),
        })),
      ),
  },
  {
    name: 'a proxy that changes the version of WebSocket',
    expected: 'upgrade-headers-changed',
    plant: async (t, quire) =>
      at(
        await gateway(t, portOf(quire), (head) => ({
          pass: head.replace(/sec-websocket-version: 13/i, 'Sec-WebSocket-Version: 8'),
        })),
      ),
  },
  {
    name: 'a proxy that changes Host, and a page of the same host',
    expected: 'upgrade-host-changed',
    async plant(t) {
      const quire = await withTokens(t);
      const port = await gateway(t, portOf(quire), (head) => ({
        pass: head.replace(/^host: .*$/im, 'Host: quire:8443'),
      }));
      return { url: `ws://sync.test:${port}/sync/doc`, origin: `http://sync.test:${port}`, deps: named };
    },
  },
  {
    name: 'a page of another port of the same host',
    expected: 'upgrade-origin',
    says: /Pages of http:\/\/sync\.test:3000 may not/,
    async plant(t) {
      const quire = await withTokens(t);
      return { url: `ws://sync.test:${portOf(quire)}/sync/doc`, origin: 'http://sync.test:3000', deps: named };
    },
  },
  {
    name: 'a page over https and a ws URL',
    expected: 'upgrade-mixed-content',
    says: /https:\/\/app\.test .*mixed content/,
    plant: async (_t, quire) => ({
      url: `ws://sync.test:${portOf(quire)}/sync/doc`,
      origin: 'https://app.test/editor',
      deps: named,
    }),
  },
  {
    name: 'a page over https and a ws URL of this machine',
    expected: 'upgrade-mixed-loopback',
    plant: async (_t, quire) => ({ url: `${quire.url}/doc`, origin: 'https://localhost:3000' }),
  },
  {
    name: 'a token for another machine, over ws',
    expected: 'upgrade-token-withheld',
    says: /did not send the token/,
    plant: async (_t, quire) => ({ url: `ws://sync.test:${portOf(quire)}/sync/doc`, token: 'x', deps: elsewhere }),
  },
  {
    name: 'a gateway that wants a token, over ws',
    expected: 'upgrade-token-withheld',
    plant: async (t) => {
      const port = await gateway(t, 1, (head) =>
        head.includes('secret') ? null : { answer: httpAnswer('401 Unauthorized') },
      );
      return { url: `ws://sync.test:${port}/sync/doc?token=secret`, deps: elsewhere };
    },
  },
  ...(
    [
      ['503 Service Unavailable', 'upgrade-unavailable'],
      ['429 Too Many Requests', 'upgrade-throttled'],
      ['401 Unauthorized', 'upgrade-token-missing'],
      ['403 Forbidden', 'upgrade-forbidden'],
      ['502 Bad Gateway', 'upgrade-bad-gateway'],
    ] as const
  ).map(([status, expected]): Fault => ({
    name: `a server that answers ${status} to a later request`,
    expected,
    says: /^The first WebSocket opened, a later one did not: /,
    plant: async (t, quire) => at(await passing(t, portOf(quire), 2, { answer: httpAnswer(status) })),
  })),
  {
    name: 'a server that stops answering after the first request',
    expected: 'upgrade-silent',
    says: /a later one did not/,
    plant: async (t, quire) => at(await passing(t, portOf(quire), 2, null)),
  },
  {
    name: 'a hostile page full of control characters',
    expected: 'upgrade-status',
    says: /418 instead of 101: \ufffd\]0;owned\ufffd \ufffd31m\ufffdevil/,
    plant: async (t) =>
      at(await answering(t, httpAnswer("418 I'm a teapot", [], '\u001b]0;owned\u0007 \u009b31m\u202eevil'))),
  },
];
