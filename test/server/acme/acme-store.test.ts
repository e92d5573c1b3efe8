/** The files that are stored between starts, and the handling of damaged ones. */
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { AcmeCertificate } from '../../../server/acme/acme-certificate.ts';
import { AcmeStore } from '../../../server/acme/acme-store.ts';
import { CertificateError } from '../../../server/tls/certificate.ts';
import { Authority } from '../../support/authority.ts';
import { asOrdinaryUser, folderFor } from '../../support/bad-files.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const directoryUrl = new URL('https://ca.test/directory');
const root = Authority.root();

function setUp(t: TestContext) {
  const folder = folderFor(tempFolder(t), 'acme');
  const store = new AcmeStore(folder, directoryUrl);
  const keyPath = join(dirname(store.certificatePath), 'account-key.pem');
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => void lines.push(line) });
  return { store, keyPath, lines, logger, open: () => store.open(logger).accountKey };
}

function pem(key: ReturnType<typeof createPrivateKey>): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function explained(error: unknown): boolean {
  const sentence = /^The ACME files in .* cannot be used: .*(EACCES|folder)/;
  return error instanceof CertificateError && sentence.test(error.message);
}

test('the account key is made once and kept; an RSA key made elsewhere is kept too', (t) => {
  const { open, keyPath, lines } = setUp(t);
  const key = open();
  assert.equal(createPrivateKey(key).asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal(open(), key);
  const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey);
  writeFileSync(keyPath, rsa);
  assert.equal(open(), rsa);
  assert.deepEqual(lines, []);
});

test('a damaged account key is renamed and a new one is made, and the log names both files', (t) => {
  const { open, keyPath, lines } = setUp(t);
  const good = open();
  const damaged: readonly [string, string][] = [
    ['empty', ''],
    ['cut', good.slice(0, good.length / 2)],
    ['garbage', '\u0000\u0001\u0002'],
    ['a certificate', root.cert],
    ['of a kind that no authority takes', pem(generateKeyPairSync('ed25519').privateKey)],
    ['too short', pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey)],
  ];
  for (const [index, [what, content]] of damaged.entries()) {
    writeFileSync(keyPath, content);
    const key = open();
    assert.notEqual(key, content, what);
    assert.equal(readFileSync(`${keyPath}.damaged`, 'utf8'), content, what);
    assert.equal(open(), key, what);
    assert.equal(lines.length, index + 1, what);
    assert.match(lines.at(-1)!, /account key is damaged.*a new account is registered/, what);
  }
});

test('permissions that let other users read a private key are corrected and logged', (t) => {
  const { open, store, keyPath, lines } = setUp(t);
  open();
  store.keep(root.leaf());
  for (const path of [keyPath, store.certificatePath]) {
    chmodSync(path, 0o644);
    open();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(lines.at(-1)!, /"mode":"644".*readable by other users/);
    assert.ok(lines.at(-1)!.includes(path));
  }
  open();
  assert.equal(lines.length, 2);
});

test('an unreadable or unwritable file is named in a one-sentence error, and not replaced', (t) => {
  const inTheWay = setUp(t);
  mkdirSync(inTheWay.keyPath, { recursive: true });
  assert.throws(inTheWay.open, explained);
  assert.ok(statSync(inTheWay.keyPath).isDirectory());
  const { open, keyPath, store } = setUp(t);
  const key = open();
  store.keep(root.leaf());
  chmodSync(dirname(keyPath), 0o755);
  for (const path of [keyPath, store.certificatePath]) {
    chmodSync(path, 0o000);
    asOrdinaryUser(() => assert.throws(open, explained, path));
    chmodSync(path, 0o600);
  }
  assert.equal(open(), key);
  assert.ok(!existsSync(`${keyPath}.damaged`));
});

test('a damaged certificate is replaced by a placeholder until another is obtained, and the log says why', (t) => {
  const { open, store, lines, logger } = setUp(t);
  open();
  const { cert, key } = root.leaf({ names: ['a.test'] });
  const other = root.leaf({ names: ['a.test'] });
  const damaged: readonly [string, string, RegExp][] = [
    ['empty', '', /holds no certificate/],
    ['garbage', '\u0000\u0001', /holds no certificate/],
    ['only a key', key, /holds no certificate/],
    ['only a certificate', cert, /holds no private key/],
    ['cut in the certificate', (key + cert).slice(0, -40), /half written/],
    ['cut in the key', key.slice(0, 60) + cert, /holds no private key/],
    ['a key of another certificate', other.key + cert, /does not belong/],
    ['a broken certificate', key + cert.replace(/M[^\n]*\n/, 'M\n'), /is broken/],
  ];
  for (const [what, content, reason] of damaged) {
    writeFileSync(store.certificatePath, content);
    open();
    const source = new AcmeCertificate(store, ['a.test'], logger);
    assert.ok(source.read(Date.now(), null).isPlaceholder, what);
    assert.throws(() => source.stored(Date.now()), reason, what);
    assert.match(lines.join(''), reason, what);
    lines.length = 0;
  }
});

test('a damaged record of the last order is ignored', (t) => {
  const { open, store, keyPath } = setUp(t);
  open();
  const path = join(dirname(keyPath), 'last-attempt.json');
  for (const content of [
    '',
    '{',
    'null',
    '[]',
    '{"atMs":"1","notBeforeMs":2}',
    '{"atMs":1e999,"notBeforeMs":0}',
    '{"atMs":-1,"notBeforeMs":0}',
  ]) {
    writeFileSync(path, content);
    assert.equal(store.lastAttempt(), null, content);
  }
  writeFileSync(path, '{"atMs":1,"notBeforeMs":2}');
  assert.deepEqual(store.lastAttempt(), { atMs: 1, notBeforeMs: 2 });
});
