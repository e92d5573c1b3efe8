import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { placeholder } from '../../server/acme/acme-certificate.ts';
import { objectId, sequence } from '../../server/tls/der.ts';
import { openDevCertificate } from '../../server/tls/dev-certificate.ts';
import { extension } from '../../server/tls/issue-certificate.ts';
import { Authority, selfSigned } from '../support/authority.ts';
import type { LeafOptions, Pair } from '../support/authority.ts';
import type { Owner } from '../support/owner.ts';
import type { Quire } from '../support/quire.ts';
import type { Fault, Planted } from './fault.ts';
import { answering, listen, passOn, tcpPeer, tlsFront, tlsPeer } from './peers.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yesterdayMs = Date.now() - dayMs;
const root = Authority.root();
const intermediate = root.intermediate();

const at = (port: number, host = 'localhost'): Planted => ({ url: `wss://${host}:${port}/sync/doc`, ca: root.cert });

/** A server with a certificate that is wrong. */
function certificate(
  name: string,
  expected: Fault['expected'],
  make: () => Pair & TlsOptions,
  { host, ...more }: { readonly host?: string; readonly says?: RegExp } & Partial<Planted> = {},
): Fault {
  const { says, ...planted } = more;
  return {
    name,
    expected,
    ...(says === undefined ? {} : { says }),
    plant: async (t) => ({ ...at(await tlsPeer(t, make()), host), ...planted }),
  };
}

/** The same, in front of a server without a fault. */
function behindCertificate(name: string, expected: Fault['expected'], options: LeafOptions): Fault {
  const make = async (t: Owner, quire: Quire): Promise<Planted> =>
    at(await tlsFront(t, root.leaf(options), Number(new URL(quire.url).port)));
  return { name, expected, plant: make };
}

/** A leaf with the certificates that a server sends behind it. */
function chain(signer: Authority, ...others: readonly Authority[]): Pair {
  const { cert, key } = signer.leaf();
  return { cert: cert + others.map((other) => other.cert).join(''), key };
}

/** A server with this version of TLS that insists on a client certificate. */
function insisting(owner: Owner, version: 'TLSv1.2' | 'TLSv1.3'): Promise<number> {
  const versions = { minVersion: version, maxVersion: version };
  return tlsPeer(owner, { ...leaf(), requestCert: true, rejectUnauthorized: true, ...versions });
}

/**
 * The same with TLS 1.3. The connection of the upgrade, which is the third after those of the TCP and TLS stages, gets
 * a reset in place of the alert.
 */
async function insistingByReset(owner: Owner): Promise<number> {
  const port = await insisting(owner, 'TLSv1.3');
  let connections = 0;
  return tcpPeer(owner, (socket) => {
    if (++connections !== 3) {
      passOn(socket, port);
      return;
    }
    const behind = connect(port, '127.0.0.1');
    let flights = 0;
    socket.on('data', (data) => {
      flights++;
      behind.write(data);
    });
    behind.on('data', (data) => flights < 2 && socket.write(data));
    behind.on('error', () => {});
    behind.on('close', () => socket.resetAndDestroy());
  });
}

/** A pattern for a date as X.509 certificates show it, without the time: `Nov 27`. */
function shortDate(timeMs: number): string {
  const [, , dayOfMonth = '', month = ''] = /(\w+), 0?(\d+) (\w+)/.exec(new Date(timeMs).toUTCString()) ?? [];
  return `${month} +${dayOfMonth} `;
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
    name: 'ciphers that do not match the certificate',
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
  ...(['TLSv1.2', 'TLSv1.3'] as const).map((version): Fault => ({
    name: `a server with ${version} that wants a client certificate`,
    expected: 'tls-client-certificate',
    plant: async (t) => at(await insisting(t, version)),
  })),
  {
    name: 'a server that wants a client certificate, and whose alert is lost in a reset',
    expected: 'tls-client-certificate',
    plant: async (t) => at(await insistingByReset(t)),
  },
  certificate('an expired certificate', 'tls-expired', () =>
    leaf({ fromMs: Date.now() - 90 * dayMs, toMs: Date.now() - dayMs }),
  ),
  certificate(
    'an expired intermediate',
    'tls-chain-expired',
    () => {
      const old = root.intermediate('Old', { fromMs: Date.now() - 90 * dayMs, toMs: yesterdayMs });
      return chain(old, old);
    },
    { says: new RegExp(`'Old'.* expired on ${shortDate(yesterdayMs)}`) },
  ),
  certificate(
    'an expired intermediate of an intermediate',
    'tls-chain-expired',
    () => {
      const old = root.intermediate('Old', { fromMs: Date.now() - 90 * dayMs, toMs: yesterdayMs });
      const young = old.intermediate('Young');
      return chain(young, young, old);
    },
    { says: /that of 'Old'/ },
  ),
  certificate(
    'an intermediate that is valid from tomorrow',
    'tls-not-yet-valid',
    () => {
      const young = root.intermediate('Young', { fromMs: Date.now() + dayMs });
      return chain(young, young);
    },
    { says: /certificate of 'Young'/ },
  ),
  certificate('a certificate that is valid from tomorrow', 'tls-not-yet-valid', () =>
    leaf({ fromMs: Date.now() + dayMs }),
  ),
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
  certificate('a private chain without its intermediate', 'tls-missing-intermediate', () => chain(intermediate), {
    says: /'Test intermediate'/,
  }),
  certificate(
    'a private chain without the second intermediate',
    'tls-missing-intermediate',
    () => {
      const second = intermediate.intermediate('Test second');
      return chain(second, second);
    },
    { says: /'Test intermediate'/ },
  ),
  certificate(
    'an intermediate whose name says nothing about its authority',
    'tls-missing-intermediate',
    () => chain(Authority.root('Root CA').intermediate('Issuing CA 1')),
    { ca: Authority.root('Root CA').cert, says: /'Issuing CA 1'/ },
  ),
  certificate('a private chain without --ca', 'tls-private-authority', () => chain(intermediate, intermediate), {
    ca: null,
  }),
  certificate('an authority that was created again', 'tls-other-authority', () => chain(Authority.root())),
  certificate('the placeholder of ACME', 'tls-acme-pending', () => placeholder(['localhost'], Date.now())),
  certificate('the placeholder of ACME for another name', 'tls-acme-pending', () =>
    placeholder(['example.org'], Date.now()),
  ),
  certificate("a staging certificate of Let's Encrypt", 'tls-staging', () => {
    const pear = Authority.root('(STAGING) Pretend Pear X1').intermediate('(STAGING) Wannabe Watercress R11');
    return chain(pear, pear);
  }),
  certificate('a staging certificate without its chain', 'tls-staging', () =>
    Authority.root('Fake LE Root X1').intermediate('Fake LE Intermediate X1').leaf({ fetchable: true }),
  ),
  certificate('a certificate with a common name only', 'tls-common-name', () =>
    leaf({ names: [], commonName: 'localhost' }),
  ),
  certificate(
    'a common name that is an address',
    'tls-common-name',
    () => leaf({ names: [], commonName: '127.0.0.1' }),
    { host: '127.0.0.1' },
  ),
  certificate('a name that has an asterisk in the middle', 'tls-wrong-name', () =>
    leaf({ names: ['l*t', 'example.org'] }),
  ),
  certificate('a certificate for clients', 'tls-purpose', () =>
    leaf({ extensions: [extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.2')))] }),
  ),
  certificate(
    'a short RSA key',
    'tls-weak',
    () => ({ ...root.leaf({ keyType: 'rsa', rsaBits: 1024 }), ciphers: 'DEFAULT@SECLEVEL=0' }),
    { says: /RSA key of 1024 bits/ },
  ),
  certificate(
    'a signature with SHA-1',
    'tls-weak',
    () => ({ ...leaf({ signedWith: 'sha1' }), ciphers: 'DEFAULT@SECLEVEL=0' }),
    { says: /'leaf' has a signature with SHA-1/ },
  ),
  certificate(
    'a signature with SHA-1 on an intermediate',
    'tls-weak',
    () => {
      const old = root.intermediate('Old', { signedWith: 'sha1' });
      return { ...chain(old, old), ciphers: 'DEFAULT@SECLEVEL=0' };
    },
    { says: /'Old' has a signature with SHA-1/ },
  ),
  certificate(
    'an authority that was not to sign other authorities',
    'tls-untrusted',
    () => {
      const last = root.intermediate('Last', { pathLength: 0 });
      const second = last.intermediate('Second');
      return chain(second, second, last);
    },
    { says: /PATH_LENGTH_EXCEEDED/ },
  ),
  behindCertificate('a certificate of ten years', 'tls-long-lived', {
    fromMs: Date.now() - dayMs,
    toMs: Date.now() + 3_650 * dayMs,
  }),
  {
    name: 'an alert that says nothing',
    expected: 'tls-handshake',
    // A fatal alert, decode_error.
    plant: async (t) => at(await answering(t, Uint8Array.of(0x15, 3, 3, 0, 2, 2, 50))),
  },
  certificate('a certificate for another name', 'tls-wrong-name', () => leaf({ names: ['example.org'] })),
  certificate('an address instead of the name', 'tls-address', () => leaf({ names: ['example.org'] }), {
    host: '127.0.0.1',
  }),
  certificate('the placeholder certificate of a proxy', 'tls-default-certificate', () =>
    leaf({ names: ['x.traefik.default'], commonName: 'TRAEFIK DEFAULT CERT' }),
  ),
  behindCertificate('a certificate that should have been renewed', 'tls-expires-soon', {
    fromMs: Date.now() - 70 * dayMs,
    toMs: Date.now() + 20 * dayMs,
  }),
];
