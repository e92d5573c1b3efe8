import assert from 'node:assert/strict';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect, createServer } from 'node:tls';
import { objectId, sequence } from '../../../server/tls/der.ts';
import { extension, generateKey, issue, issueLeaf } from '../../../server/tls/issue-certificate.ts';
import { Authority, writePair } from '../../support/authority.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { CertificateError } from '../../../server/tls/certificate.ts';
import { openDevCertificate } from '../../../server/tls/dev-certificate.ts';
import type { DevCertificate } from '../../../server/tls/dev-certificate.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { handshakeError } from '../../support/handshake.ts';

const dayMs = 86_400_000;

function openIn(folder: string | null, { hostName = 'desk', days = 0 } = {}): DevCertificate {
  return openDevCertificate({ folder, hostName, now: () => Date.now() + days * dayMs });
}

function leafOf(certificate: DevCertificate): X509Certificate {
  return new X509Certificate(certificate.credentials.cert);
}

test('the certificate is made once, covers this machine, and is used again after a restart', (t) => {
  const folder = join(tempFolder(t), 'tls');
  const first = openIn(folder);
  assert.equal(first.authorityIsNew, true);
  assert.deepEqual(first.names, ['localhost', 'desk', '127.0.0.1', '::1']);
  const leaf = leafOf(first);
  for (const name of ['localhost', 'desk']) assert.equal(leaf.checkHost(name), name);
  for (const address of ['127.0.0.1', '::1']) assert.equal(leaf.checkIP(address), address);
  assert.ok(leaf.verify(new X509Certificate(first.authority).publicKey));

  const second = openIn(folder);
  assert.equal(second.authorityIsNew, false);
  assert.deepEqual(second.credentials, first.credentials);
});

test('only their owner can read the keys', (t) => {
  const folder = tempFolder(t);
  openIn(folder);
  assert.deepEqual(readdirSync(folder).toSorted(), ['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
  for (const key of ['ca-key.pem', 'server-key.pem'])
    assert.equal(statSync(join(folder, key)).mode & 0o777, 0o600, key);
});

test('the authority can sign certificates only for this machine', (t) => {
  const authority = new X509Certificate(openIn(tempFolder(t)).authority);
  assert.equal(authority.ca, true);
  assert.match(authority.subject, /Quire development CA/);
  const der = authority.raw.toString('latin1');
  // Name constraints (2.5.29.30), critical; and a basic constraint that allows no authority below it.
  assert.ok(der.includes('\x06\x03\x55\x1d\x1e\x01\x01\xff'));
  assert.ok(der.includes('\x30\x06\x01\x01\xff\x02\x01\x00'));
});

test('the leaf is renewed when less than a third of its life is left; the authority stays', (t) => {
  const folder = tempFolder(t);
  const first = openIn(folder);
  assert.deepEqual(openIn(folder, { days: 240 }).credentials, first.credentials);
  const renewed = openIn(folder, { days: 246 });
  assert.notEqual(renewed.credentials.key, first.credentials.key);
  assert.equal(renewed.authority, first.authority);
  assert.ok(Date.parse(leafOf(renewed).validTo) - Date.now() > 600 * dayMs);
});

test('the authority is renewed before a leaf could outlive it', (t) => {
  const folder = tempFolder(t);
  const first = openIn(folder);
  const later = openIn(folder, { days: 3_400 });
  assert.equal(later.authorityIsNew, true);
  assert.notEqual(later.authority, first.authority);
  assert.ok(leafOf(later).verify(new X509Certificate(later.authority).publicKey));
});

test('a new name of the machine is reported, because the authority may not sign for it', (t) => {
  const folder = tempFolder(t);
  const first = openIn(folder, { hostName: 'Desk.local' });
  assert.equal(leafOf(first).checkHost('desk.local'), 'desk.local');
  for (const hostName of ['laptop.example.com', 'laptop.local']) {
    const elsewhere = openIn(folder, { hostName });
    assert.equal(elsewhere.authority, first.authority);
    assert.equal(elsewhere.uncovered, hostName);
    assert.deepEqual(elsewhere.names, ['localhost', '127.0.0.1', '::1']);
  }
  assert.deepEqual(openIn(folder, { hostName: 'desk.local' }).names, first.names);
});

/**
 * OpenSSL's error for a server with a leaf for these names from the authority in this folder; null if it is trusted.
 */
async function verdict(t: TestContext, folder: string, names: readonly string[], servername: string) {
  const subject = { commonName: 'Quire development CA', unit: 'desk' };
  const authority = { subject, key: readFileSync(join(folder, 'ca-key.pem'), 'utf8') };
  const leaf = issueLeaf(authority, { commonName: 'leaf', unit: 'x' }, names, {
    fromMs: Date.now() - dayMs,
    toMs: Date.now() + dayMs,
  });
  return handshakeError(t, leaf, servername, readFileSync(join(folder, 'ca.pem'), 'utf8'));
}

test('a client that trusts the authority trusts it for this machine only', async (t) => {
  const folder = tempFolder(t);
  const { names } = openIn(folder);
  for (const name of ['localhost', 'desk', '127.0.0.1'])
    assert.equal(await verdict(t, folder, names, name), null, name);
  const others = ['printer.local', 'local', 'desk2', 'bank.example', '127.0.0.2', '192.168.0.1', '::2', '*.local'];
  for (const name of others) {
    assert.equal(await verdict(t, folder, ['localhost', name], 'localhost'), 'permitted subtree violation', name);
  }
});

test('the authority can sign for servers only, so a client certificate from it is refused', async (t) => {
  const folder = tempFolder(t);
  const { authority, credentials } = openIn(folder);
  const clientAuth = extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.2')));
  const key = generateKey();
  const issuer = { commonName: 'Quire development CA', unit: 'desk' };
  const issuerKey = createPrivateKey(readFileSync(join(folder, 'ca-key.pem')));
  const dates = { fromMs: Date.now() - dayMs, toMs: Date.now() + dayMs };
  const person = issue({ commonName: 'eve', unit: 'x' }, key, issuer, issuerKey, dates, [clientAuth]);
  const server = createServer(
    { ...credentials, ca: authority, requestCert: true, rejectUnauthorized: false },
    (socket) => socket.end(String(socket.authorizationError)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority, ...person });
  assert.match(await within(guardMs, 'an answer', text(client)), /INVALID_PURPOSE|unsupported/i);
});

test('an authority of an earlier version, which could sign for more, is replaced and reported', (t) => {
  const folder = tempFolder(t);
  const old = Authority.root('Quire development CA');
  writePair(folder, 'ca', old);
  const made = openIn(folder);
  assert.equal(made.authorityIsNew, true);
  assert.equal(made.replaced, new X509Certificate(old.cert).fingerprint256);
  assert.ok(leafOf(made).verify(new X509Certificate(made.authority).publicKey));
  const again = openIn(folder);
  assert.deepEqual([again.authorityIsNew, again.replaced, again.authority], [false, null, made.authority]);
});

test('after a clock that was ahead is corrected, the certificate is valid and the authority stays', (t) => {
  const folder = tempFolder(t);
  const ahead = openIn(folder, { days: 365 });
  const corrected = openIn(folder);
  assert.equal(corrected.authority, ahead.authority);
  for (const pem of [corrected.authority, corrected.credentials.cert]) {
    assert.ok(Date.parse(new X509Certificate(pem).validFrom) <= Date.now());
  }
  const behind = openIn(folder, { days: -365 });
  assert.equal(behind.authority, ahead.authority);
});

test('a host name that is not valid in a certificate is left out', () => {
  for (const hostName of ['', 'my_machine', 'Müllers Rechner', '-x']) {
    assert.deepEqual(openIn(null, { hostName }).names, ['localhost', '127.0.0.1', '::1']);
  }
});

test('files that are damaged or do not belong together are replaced', (t) => {
  const folder = tempFolder(t);
  const first = openIn(folder);
  writeFileSync(join(folder, 'server.pem'), 'damaged');
  const second = openIn(folder);
  assert.equal(second.authority, first.authority);
  assert.notEqual(second.credentials.key, first.credentials.key);

  rmSync(join(folder, 'ca-key.pem'));
  const third = openIn(folder);
  assert.equal(third.authorityIsNew, true);
  assert.ok(leafOf(third).verify(new X509Certificate(third.authority).publicKey));
  assert.equal(readFileSync(join(folder, 'ca.pem'), 'utf8'), third.authority);
});

test('without a folder nothing is written', (t) => {
  const folder = tempFolder(t);
  openIn(null);
  assert.deepEqual(readdirSync(folder), []);
});

test('an error for a folder that cannot be written explains the reason', (t) => {
  const folder = join(tempFolder(t), 'file');
  writeFileSync(folder, '');
  assert.throws(
    () => openIn(join(folder, 'tls')),
    (error) => error instanceof CertificateError && /cannot be stored in/.test(error.message),
  );
});
