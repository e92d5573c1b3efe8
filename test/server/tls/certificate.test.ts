import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateError, readCertificate } from '../../../server/tls/certificate.ts';
import { scratchCertificate } from '../../support/scratch-certificate.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const dayMs = 86_400_000;

test('a certificate and its key are read unchanged', (t) => {
  const { certPath, keyPath } = scratchCertificate(tempFolder(t), 'server');
  const { cert, key } = readCertificate(certPath, keyPath, Date.now());
  assert.equal(cert, readFileSync(certPath, 'utf8'));
  assert.equal(key, readFileSync(keyPath, 'utf8'));
});

test('an unusable certificate or key is explained in one sentence that names the file', (t) => {
  const folder = tempFolder(t);
  const { certPath, keyPath } = scratchCertificate(folder, 'server');
  const other = scratchCertificate(folder, 'other');
  const garbage = join(folder, 'garbage.pem');
  writeFileSync(garbage, 'no certificate');
  const encrypted = join(folder, 'encrypted.pem');
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  writeFileSync(encrypted, createPrivateKey(readFileSync(keyPath)).export(options));

  const now = Date.now();
  const cases: readonly [string, string, number, RegExp][] = [
    [join(folder, 'none.pem'), keyPath, now, /certificate .*none\.pem cannot be read: there is no such file/],
    [certPath, join(folder, 'none.pem'), now, /key .*none\.pem cannot be read/],
    [folder, keyPath, now, /it is a folder/],
    [garbage, keyPath, now, /garbage\.pem holds no certificate/],
    [certPath, garbage, now, /garbage\.pem holds no private key/],
    [keyPath, certPath, now, /wrong way round/],
    [certPath, encrypted, now, /protected by a passphrase/],
    [certPath, other.keyPath, now, /does not belong to the certificate .*CN=server/],
    [certPath, keyPath, now + 2 * dayMs, /expired on .*: renew it/],
    [certPath, keyPath, now - 2 * dayMs, /not valid before .*check the clock/],
  ];
  for (const [cert, key, nowMs, sentence] of cases) {
    assert.throws(
      () => readCertificate(cert, key, nowMs),
      (error) => error instanceof CertificateError && sentence.test(error.message) && !error.message.includes('\n'),
      String(sentence),
    );
  }
});
