import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateError } from '../../../server/net/certificate.ts';
import { openDevCertificate } from '../../../server/net/dev-certificate.ts';
import type { DevCertificate } from '../../../server/net/dev-certificate.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const dayMs = 86_400_000;

function openIn(folder: string | null, { hostName = 'desk', days = 0 } = {}): DevCertificate {
  return openDevCertificate({ folder, hostName, now: () => Date.now() + days * dayMs });
}

function leafOf(certificate: DevCertificate): X509Certificate {
  return new X509Certificate(certificate.credentials.cert);
}

test('it is made once, covers this machine, and is kept across starts', (t) => {
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

test('keys can be read by their owner alone', (t) => {
  const folder = tempFolder(t);
  openIn(folder);
  assert.deepEqual(readdirSync(folder).toSorted(), ['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
  for (const key of ['ca-key.pem', 'server-key.pem'])
    assert.equal(statSync(join(folder, key)).mode & 0o777, 0o600, key);
});

test('the authority can sign certificates for this machine and for nothing else', (t) => {
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

test('a new name of the machine is taken up if the authority may sign for it, and reported if not', (t) => {
  const folder = tempFolder(t);
  const first = openIn(folder, { hostName: 'desk' });
  const local = openIn(folder, { hostName: 'Laptop.local' });
  assert.equal(local.authority, first.authority);
  assert.equal(leafOf(local).checkHost('laptop.local'), 'laptop.local');
  assert.equal(leafOf(local).checkHost('desk'), undefined);

  const elsewhere = openIn(folder, { hostName: 'laptop.example.com' });
  assert.equal(elsewhere.authority, first.authority);
  assert.equal(elsewhere.uncovered, 'laptop.example.com');
  assert.deepEqual(elsewhere.names, ['localhost', '127.0.0.1', '::1']);
});

test('a host name that no certificate can hold is left out', () => {
  for (const hostName of ['', 'my_machine', 'Müllers Rechner', '-x']) {
    assert.deepEqual(openIn(null, { hostName }).names, ['localhost', '127.0.0.1', '::1']);
  }
});

test('files that are damaged or do not belong together are made anew', (t) => {
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

test('a folder that cannot be written is explained', (t) => {
  const folder = join(tempFolder(t), 'file');
  writeFileSync(folder, '');
  assert.throws(
    () => openIn(join(folder, 'tls')),
    (error) => error instanceof CertificateError && /cannot be stored in/.test(error.message),
  );
});
