import { createServer } from 'node:http';
import { openDevCertificate } from '../../server/net/dev-certificate.ts';
import { Authority, selfSigned } from '../support/authority.ts';
import type { LeafOptions, Pair } from '../support/authority.ts';
import type { Fault, Planted } from './fault.ts';
import { answering, listen, tcpPeer, tlsFront, tlsPeer } from './peers.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const root = Authority.root();
const intermediate = root.intermediate();

const at = (port: number, host = 'localhost'): Planted => ({ url: `wss://${host}:${port}/sync/doc`, ca: root.cert });

/** A server with a certificate that is wrong. */
function certificate(name: string, expected: Fault['expected'], make: () => Pair, host?: string): Fault {
  return { name, expected, plant: async (t) => at(await tlsPeer(t, make()), host) };
}

const leaf = (options: LeafOptions = {}): Pair => root.leaf(options);

export const tlsFaults: readonly Fault[] = [
  {
    name: 'wss on a port that speaks plain HTTP',
    expected: 'tls-plain-http',
    plant: async (t) =>
      at(
        await listen(
          t,
          createServer((_, response) => response.end('page')),
        ),
      ),
  },
  {
    name: 'wss on a port of SSH',
    expected: 'tls-not-tls',
    plant: async (t) => at(await tcpPeer(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))),
  },
  {
    name: 'TLS 1.1 at most',
    expected: 'tls-too-old',
    plant: async (t) =>
      at(await tlsPeer(t, { ...leaf(), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })),
  },
  {
    name: 'ciphers that do not fit the certificate',
    expected: 'tls-no-cipher',
    plant: async (t) =>
      at(await tlsPeer(t, { ...leaf(), maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })),
  },
  {
    name: 'a load balancer for HTTP/2 only',
    expected: 'tls-alpn',
    plant: async (t) => at(await tlsPeer(t, { ...leaf(), ALPNProtocols: ['h2'] })),
  },
  {
    name: 'a proxy that has no certificate for the name',
    expected: 'tls-name-refused',
    // A fatal alert, unrecognized_name (RFC 6066, 3).
    plant: async (t) => at(await answering(t, Uint8Array.of(0x15, 3, 3, 0, 2, 2, 112))),
  },
  {
    name: 'a handshake without answer',
    expected: 'tls-silent',
    plant: async (t) => at(await tcpPeer(t, () => {})),
  },
  {
    name: 'a firewall that cuts handshakes',
    expected: 'tls-cut',
    plant: async (t) => at(await tcpPeer(t, (socket) => socket.once('data', () => socket.destroy()))),
  },
  {
    name: 'a server that wants a client certificate',
    expected: 'tls-client-certificate',
    plant: async (t) => at(await tlsPeer(t, { ...leaf(), requestCert: true, rejectUnauthorized: true })),
  },
  certificate('an expired certificate', 'tls-expired', () =>
    leaf({ fromMs: Date.now() - 90 * dayMs, toMs: Date.now() - dayMs }),
  ),
  certificate('an expired intermediate', 'tls-chain-expired', () => {
    const old = root.intermediate('Old', { fromMs: Date.now() - 90 * dayMs, toMs: Date.now() - dayMs });
    const { cert, key } = old.leaf();
    return { cert: cert + old.cert, key };
  }),
  certificate('a certificate of tomorrow', 'tls-not-yet-valid', () => leaf({ fromMs: Date.now() + dayMs })),
  {
    name: 'a client whose clock is behind',
    expected: 'tls-clock',
    async plant(t) {
      const http = createServer((_, response) => {
        response.setHeader('Date', new Date(Date.now() + 12 * hourMs).toUTCString());
        response.end();
      });
      return at(await tlsFront(t, leaf({ fromMs: Date.now() + hourMs }), await listen(t, http)));
    },
  },
  certificate('a self-signed certificate', 'tls-self-signed', () => selfSigned()),
  {
    name: 'a development certificate that is not trusted',
    expected: 'tls-development',
    async plant(t) {
      const { credentials } = openDevCertificate({ folder: null, hostName: 'localhost', now: Date.now });
      return at(await tlsPeer(t, { ...credentials }));
    },
  },
  certificate('an authority of a company', 'tls-private-authority', () => Authority.root('Corporate CA').leaf()),
  certificate('a chain without its intermediate', 'tls-missing-intermediate', () =>
    intermediate.leaf({ fetchable: true }),
  ),
  certificate('a certificate for another name', 'tls-wrong-name', () => leaf({ names: ['example.org'] })),
  certificate('an address instead of the name', 'tls-address', () => leaf({ names: ['example.org'] }), '127.0.0.1'),
  certificate('the placeholder certificate of a proxy', 'tls-default-certificate', () =>
    leaf({ names: ['x.traefik.default'], commonName: 'TRAEFIK DEFAULT CERT' }),
  ),
  {
    name: 'a certificate that should have been renewed',
    expected: 'tls-expires-soon',
    async plant(t, quire) {
      const late = leaf({ fromMs: Date.now() - 70 * dayMs, toMs: Date.now() + 20 * dayMs });
      return at(await tlsFront(t, late, Number(new URL(quire.url).port)));
    },
  },
];
