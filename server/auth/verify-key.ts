import { createPublicKey, createSecretKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

/** A key for verifying signatures. */
export interface VerifyKey {
  /** The `kid` of the key; null if it has none. */
  readonly id: string | null;
  /** The allowed algorithms. They follow from the key alone, because a token must not choose. */
  readonly algorithms: readonly string[];
  readonly key: KeyObject;
}

/** The input is not a usable key. The message completes a sentence that begins with where the key was found. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

/** RFC 7518, 3.2: an HS256 key has at least as many bits as the hash. */
const minSecretBytes = 32;
/** RFC 7518, 3.3. */
const minRsaBits = 2_048;

/**
 * Providers publish a few keys. Rejecting an entry that is not a key takes 7 us, and 256 KB hold 80,000 such entries.
 */
const maxKeys = 200;
/** Longest RSA exponent, in base64: 64 bits. Node converts it to a bigint byte by byte, which takes 20 s for 200 KB. */
const maxExponentLength = 11;

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const edAlgorithms = ['EdDSA', 'Ed25519'];
const curveAlgorithms: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** All algorithms that public keys can be used with. */
export const publicAlgorithms: ReadonlySet<string> = new Set([
  ...rsaAlgorithms,
  ...Object.values(curveAlgorithms),
  ...edAlgorithms,
]);

/** A shared secret, used as it is written: its UTF-8 bytes. Throws KeyError. */
export function secretKey(secret: string): VerifyKey {
  const bytes = Buffer.from(secret);
  if (secret.includes('-----BEGIN')) throw new KeyError('holds a PEM key, not a secret');
  if (bytes.length < minSecretBytes) {
    throw new KeyError(`has ${bytes.length} bytes; HS256 needs ${minSecretBytes} or more (openssl rand -base64 32)`);
  }
  return { id: null, algorithms: ['HS256'], key: createSecretKey(bytes) };
}

/** All public keys and certificates of a PEM text, in order. Throws KeyError. */
export function publicKeys(pem: string): VerifyKey[] {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new KeyError('holds a private key; use the public key');
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[^]*?-----END \1-----/g) ?? [];
  if (blocks.length === 0) throw new KeyError('holds no PEM public key');
  return blocks.map((block) =>
    verifyKey(
      null,
      createKey(() => createPublicKey(block)),
    ),
  );
}

/** The usable keys of a JSON Web Key Set; others (for encryption, of unknown kinds) are left out. Throws KeyError. */
export function jwksKeys(set: unknown): VerifyKey[] {
  const { keys } = (set ?? {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(keys)) throw new KeyError('is not a JSON Web Key Set');
  const usable = keys.slice(0, maxKeys).flatMap((jwk: unknown) => {
    const { kid, use, alg, e } = (jwk ?? {}) as Readonly<Record<string, unknown>>;
    if (use !== undefined && use !== 'sig') return [];
    if (typeof e === 'string' && e.length > maxExponentLength) return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
      const { id, algorithms, ...rest } = verifyKey(typeof kid === 'string' ? kid : null, key);
      return [{ ...rest, id, algorithms: typeof alg === 'string' ? algorithms.filter((a) => a === alg) : algorithms }];
    } catch {
      // A key of another kind. A shared secret is skipped too: in a public set it is not secret.
      return [];
    }
  });
  if (usable.length === 0) throw new KeyError('holds no key that can verify signatures');
  return usable;
}

function createKey(create: () => KeyObject): KeyObject {
  try {
    return create();
  } catch (error) {
    throw new KeyError(`holds a key that cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function verifyKey(id: string | null, key: KeyObject): VerifyKey {
  return { id, algorithms: algorithmsOf(key), key };
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (asymmetricKeyType === 'ed25519') return edAlgorithms;
  if (asymmetricKeyType === 'rsa') {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits < minRsaBits) throw new KeyError(`holds an RSA key of ${bits} bits; the minimum is ${minRsaBits}`);
    return rsaAlgorithms;
  }
  const curve = curveAlgorithms[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType === 'ec' && curve !== undefined) return [curve];
  throw new KeyError(`holds a key of a kind that is not supported: ${asymmetricKeyType}`);
}
