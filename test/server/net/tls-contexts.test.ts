import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { Authority } from '../../support/authority.ts';
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

test('clients get the certificate for the name that they ask for; others the first', async (t) => {
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

test('what OpenSSL does not take changes nothing', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  net.listener.useCertificates([root.leaf({ commonName: 'good' })]);
  const bad = { cert: root.leaf().cert, key: root.leaf().key };
  assert.throws(() => net.listener.useCertificates([bad]));
  assert.throws(() => net.listener.useCertificates([root.leaf(), bad]));
  assert.equal(await nameServed(net.port, { servername: 'localhost' }), 'good');
});
