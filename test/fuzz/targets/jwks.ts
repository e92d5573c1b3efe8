import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { jwksKeys, KeyError, publicAlgorithms } from '../../../server/auth/verify-key.ts';
import type { VerifyKey } from '../../../server/auth/verify-key.ts';
import type { FuzzTarget } from '../target.ts';

/** Key sets from a server (JWKS). Only public keys are accepted, and no algorithm with a secret. */
export const jwksTarget: FuzzTarget<VerifyKey[]> = {
  seeds() {
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const { publicKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { publicKey: ed } = generateKeyPairSync('ed25519');
    const keys = [rsa, ec, ed].map((key, i) => ({ ...key.export({ format: 'jwk' }), kid: `k${i}`, use: 'sig' }));
    const secret = { kty: 'oct', k: Buffer.alloc(32).toString('base64url'), alg: 'HS256' };
    return [{ keys }, ...keys.map((key) => ({ keys: [key] })), { keys: [secret] }, { keys: [null] }, {}, null, []].map(
      (set) => Buffer.from(JSON.stringify(set)),
    );
  },
  generate: null,
  decode: (input) => jwksKeys(parse(input)),
  refusal: (error) => (error instanceof KeyError ? error.message.slice(0, 40) : null),
  check(keys) {
    for (const { id, key, algorithms } of keys) {
      assert.equal(key.type, 'public');
      assert.ok(id === null || typeof id === 'string');
      assert.ok(
        algorithms.every((algorithm) => publicAlgorithms.has(algorithm)),
        'an algorithm that public keys do not have',
      );
    }
    return keys.map(({ key, algorithms }) => `${key.asymmetricKeyType} ${algorithms.length}`).join();
  },
};

/** The value of a response; undefined if it is not JSON. */
function parse(input: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(input).toString());
  } catch {
    return undefined;
  }
}
