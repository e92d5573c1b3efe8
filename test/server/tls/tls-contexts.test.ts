import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { Authority } from '../../support/authority.ts';
import type { Pair } from '../../support/authority.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness } from '../../support/net-harness.ts';

const root = Authority.root();

async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: root.cert, ...options });
  await within(guardMs, 'a handshake', once(socket, 'secureConnect'));
  return socket;
}

async function nameServed(port: number, options: ConnectionOptions): Promise<string | undefined> {
  const socket = await handshake(port, { rejectUnauthorized: false, ...options });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test('a client gets the certificate for the name that it asks for, or else the first', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  net.listener.useCertificates([
    root.leaf({ commonName: 'first', names: ['one.test'] }),
    root.leaf({ commonName: 'second', names: ['two.test', '*.two.test'] }),
  ]);
  const served = (servername: string) => nameServed(net.port, { servername });
  assert.equal(await served('one.test'), 'first');
  assert.equal(await served('two.test'), 'second');
  assert.equal(await served('TWO.test'), 'second');
  assert.equal(await served('deep.two.test'), 'second');
  assert.equal(await served('too.deep.two.test'), 'first');
  assert.equal(await served('unknown.test'), 'first');
  assert.equal(await nameServed(net.port, {}), 'first');
});

/** The signature algorithms that a client can verify. Node offers both by default. */
const offers = {
  rsa: { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA256', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256' },
  both: {},
  ecdsa: { sigalgs: 'ECDSA+SHA256', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256' },
};

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`with keys of two types each client gets the certificate that it can verify, with ${maxVersion}`, async (t) => {
    const net = await NetHarness.start(t, { tls: true });
    const intermediate = root.intermediate();
    const withChain = ({ cert, key }: Pair): Pair => ({ cert: cert + intermediate.cert, key });
    const names = ['one.test', '*.one.test'];
    const pairs = {
      ecdsa: withChain(intermediate.leaf({ commonName: 'ecdsa', names })),
      rsa: withChain(intermediate.leaf({ commonName: 'rsa', names, keyType: 'rsa' })),
      exact: root.leaf({ commonName: 'exact', names: ['www.one.test'], keyType: 'rsa' }),
      unrelated: root.leaf({ commonName: 'unrelated', names: ['two.test'] }),
      rsaOnly: root.leaf({ commonName: 'rsa only', names: ['three.test'], keyType: 'rsa' }),
    };
    const served = async (offer: keyof typeof offers, servername?: string): Promise<string> => {
      const options = { ...offers[offer], maxVersion, ...(servername === undefined ? {} : { servername }) };
      // The chain is verified: each certificate comes with its own intermediate.
      const socket = await handshake(net.port, { ...options, checkServerIdentity: () => undefined });
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    };
    for (const order of [
      [pairs.ecdsa, pairs.rsa, pairs.exact, pairs.unrelated, pairs.rsaOnly],
      [pairs.rsa, pairs.ecdsa, pairs.rsaOnly, pairs.unrelated, pairs.exact],
    ]) {
      net.listener.useCertificates(order);
      for (const servername of ['one.test', 'ONE.test', 'deep.one.test', 'unknown.test', undefined]) {
        assert.equal(await served('rsa', servername), 'rsa', servername);
        assert.equal(await served('ecdsa', servername), 'ecdsa', servername);
      }
      assert.equal(await served('rsa', 'www.one.test'), 'exact');
      assert.equal(await served('ecdsa', 'www.one.test'), 'ecdsa');
      assert.ok(['ecdsa', 'exact'].includes(await served('both', 'www.one.test')));
      assert.equal(await served('ecdsa', 'two.test'), 'unrelated');
      // The default has an ECDSA certificate, which this name must not get.
      for (const offer of ['rsa', 'both'] as const) assert.equal(await served(offer, 'three.test'), 'rsa only');
      await assert.rejects(served('ecdsa', 'three.test'));
    }
    // The first of several with the same key type is used.
    net.listener.useCertificates([pairs.ecdsa, root.leaf({ commonName: 'second', names })]);
    assert.equal(await served('ecdsa', 'one.test'), 'ecdsa');
  });
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const count of [1, 2]) {
    test(`with ${count} certificates and ${maxVersion}, a session is resumed although they were renewed`, async (t) => {
      const net = await NetHarness.start(t, { tls: true });
      const renew = (): void =>
        net.listener.useCertificates(
          [root.leaf({ names: ['one.test'] }), root.leaf({ names: ['localhost'] })].slice(-count),
        );
      renew();
      const options = { servername: 'localhost', maxVersion };
      const first = await handshake(net.port, options);
      const session =
        maxVersion === 'TLSv1.2'
          ? first.getSession()
          : ((await within(guardMs, 'a ticket', once(first, 'session'))) as [Buffer])[0];
      first.destroy();
      renew();
      const second = await handshake(net.port, { ...options, session });
      assert.ok(second.isSessionReused());
      second.destroy();
    });
  }
}

test('a certificate that OpenSSL refuses changes nothing', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  net.listener.useCertificates([root.leaf({ commonName: 'good' })]);
  const bad = { cert: root.leaf().cert, key: root.leaf().key };
  assert.throws(() => net.listener.useCertificates([bad]));
  assert.throws(() => net.listener.useCertificates([root.leaf(), bad]));
  assert.equal(await nameServed(net.port, { servername: 'localhost' }), 'good');
});
