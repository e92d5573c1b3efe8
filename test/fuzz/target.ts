import type { Random } from '../support/random.ts';

/** A decoder of untrusted bytes, and the promises that it keeps for every input. */
export interface FuzzTarget<Decoded = unknown> {
  /** Valid inputs, of which the first mutants are made. */
  seeds(random: Random): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Makes an input that passes the first checks more often than a mutant does; null to use mutants only. */
  readonly generate: ((random: Random) => Uint8Array) | null;
  /** Decodes an input within the bounds on time and memory (cost.ts). Throws only errors that `refusal` knows. */
  decode(input: Uint8Array): Decoded | Promise<Decoded>;
  /** The kind of refusal that an error stands for; null if `decode` must not throw it. */
  refusal(error: unknown): string | null;
  /**
   * Throws if the decoded value is wrong. Returns its shape in a few words; mutants are made of inputs with a new
   * shape.
   */
  check(decoded: Decoded, input: Uint8Array): string | Promise<string>;
}

/** An input that breaks a promise of the target. */
export interface Finding {
  readonly input: Uint8Array;
  /** The broken promise. The first line is the kind of the finding. */
  readonly what: string;
}
