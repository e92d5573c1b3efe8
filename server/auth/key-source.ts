import type { VerifyKey } from './verify-key.ts';

/** What the header of a token says about its key. */
export interface KeyHint {
  readonly algorithm: string;
  /** `kid` */
  readonly id: string | null;
}

/** Where keys come from. Several keys at once are what rotation needs: the new one is known before the old one goes. */
export interface KeySource {
  /** The keys that a token may have been signed with. Rejects with AccessError 'auth-unavailable' if they cannot be had. */
  find(hint: KeyHint): Promise<readonly VerifyKey[]>;
  /**
   * The keys that a token may have been signed with, after its signature fitted none that `find` gave. Where a key says
   * nothing about its id, only this shows that a key is new. Rejects with AccessError 'auth-unavailable' if newer keys
   * cannot be had now. Left out by a source whose keys never change.
   */
  findNewer?(hint: KeyHint, token: string): Promise<readonly VerifyKey[]>;
}

/** Keys that are there from the start. */
export class FixedKeys implements KeySource {
  readonly #keys: readonly VerifyKey[];

  constructor(keys: readonly VerifyKey[]) {
    this.#keys = keys;
  }

  find(hint: KeyHint): Promise<readonly VerifyKey[]> {
    return Promise.resolve(matching(this.#keys, hint));
  }
}

/** Those that fit a hint. A key or a token without an id leaves it to the signature. */
export function matching(keys: readonly VerifyKey[], { algorithm, id }: KeyHint): VerifyKey[] {
  return keys.filter((key) => key.algorithms.includes(algorithm) && (key.id === null || id === null || key.id === id));
}
