import type { VerifyKey } from './verify-key.ts';

/** The algorithm and key id in the header of a token. */
export interface KeyHint {
  readonly algorithm: string;
  /** `kid` */
  readonly id: string | null;
}

/**
 * A source of keys. It may hold several at once, as rotation requires: the new key is added before the old one is
 * removed.
 */
export interface KeySource {
  /**
   * Keys that a token may have been signed with. Rejects with AccessError 'auth-unavailable' if they cannot be fetched.
   */
  find(hint: KeyHint): Promise<readonly VerifyKey[]>;
  /**
   * The keys that a token may have been signed with, after its signature matched none of those that `find` returned. If
   * keys have no ids, only this mismatch shows that a key is new. Rejects with AccessError 'auth-unavailable' if newer
   * keys cannot be fetched now. A source whose keys never change omits it.
   */
  findNewer?(hint: KeyHint, token: string): Promise<readonly VerifyKey[]>;
}

/** Keys that are configured at the start and never change. */
export class FixedKeys implements KeySource {
  readonly #keys: readonly VerifyKey[];

  constructor(keys: readonly VerifyKey[]) {
    this.#keys = keys;
  }

  find(hint: KeyHint): Promise<readonly VerifyKey[]> {
    return Promise.resolve(matching(this.#keys, hint));
  }
}

/** The keys that fit a hint. If the key or the token has no id, only the algorithm is compared. */
export function matching(keys: readonly VerifyKey[], { algorithm, id }: KeyHint): VerifyKey[] {
  return keys.filter((key) => key.algorithms.includes(algorithm) && (key.id === null || id === null || key.id === id));
}
