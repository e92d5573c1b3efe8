import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyPairKeyObjectResult } from 'node:crypto';
import { test } from 'node:test';
import { jwksKeys, KeyError, publicKeys, secretKey } from '../../../server/auth/verify-key.ts';

const sentence = (text: RegExp) => (error: unknown) => error instanceof KeyError && text.test(error.message);
const pemOf = ({ publicKey }: KeyPairKeyObjectResult): string =>
  publicKey.export({ type: 'spki', format: 'pem' }) as string;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1' };

test('a secret has at least 32 bytes, and the error message does not contain it', () => {
  assert.deepEqual(secretKey('x'.repeat(32)).algorithms, ['HS256']);
  assert.throws(
    () => secretKey('hunter2'),
    (error: Error) => /7 bytes/.test(error.message) && !/hunter2/.test(error.message),
  );
});

test('a PEM used as a secret, a private key used as a public one, and a missing key each have their own error', () => {
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  assert.throws(() => secretKey(pem), sentence(/PEM key/));
  assert.throws(
    () => publicKeys(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    sentence(/private/),
  );
  assert.throws(() => publicKeys(''), sentence(/no PEM/));
  assert.throws(() => publicKeys(pem.replace('M', '!')), sentence(/cannot be read/));
});

test('weak and unknown kinds of keys are refused', () => {
  const weak = pemOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }));
  assert.throws(() => publicKeys(weak), sentence(/1024 bits/));
  for (const pair of [generateKeyPairSync('x25519'), generateKeyPairSync('ec', { namedCurve: 'secp256k1' })]) {
    assert.throws(() => publicKeys(pemOf(pair)), sentence(/not supported/));
  }
});

test('keys of a set that cannot verify signatures are skipped', () => {
  const keys = jwksKeys({
    keys: [
      jwk,
      { ...jwk, kid: 'k2', use: 'enc' },
      { kty: 'oct', k: 'c2VjcmV0' },
      { kty: 'new' },
      null,
      { ...jwk, alg: 'RS512', kid: 'k3' },
      // Converting it would take 50 ms, and 20 s with 200 KB.
      { ...jwk, e: `${'Q'.repeat(40_000)}AQAB`, kid: 'k4' },
    ],
  });
  assert.deepEqual(
    keys.map(({ id, algorithms }) => [id, algorithms.length]),
    [
      ['k1', 6],
      ['k3', 1],
    ],
  );
  assert.throws(() => jwksKeys({ keys: [] }), sentence(/no key/));
  assert.equal(jwksKeys({ keys: Array.from({ length: 80_000 }, (_, i) => (i < 100 ? {} : jwk)) }).length, 100);
  assert.throws(() => jwksKeys('<html>'), sentence(/not a JSON Web Key Set/));
});
