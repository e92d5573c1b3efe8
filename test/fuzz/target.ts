import type { Random } from '../support/random.ts';

/** Something that reads bytes of strangers, and what must be true of it for every input. */
export interface FuzzTarget<Decoded = unknown> {
  /** Good inputs to begin with. */
  seeds(random: Random): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** An input made from nothing that gets past the first checks more often than a mutant does; null leaves it to mutants. */
  readonly generate: ((random: Random) => Uint8Array) | null;
  /** What is held to the bounds on time and memory. May only throw (or reject with) what `refusal` knows. */
  decode(input: Uint8Array): Decoded | Promise<Decoded>;
  /** What kind of refusal an error is; null if it is none that `decode` has declared. */
  refusal(error: unknown): string | null;
  /** Throws if what was decoded is wrong. Returns its shape in a few words: an input of a new shape is built upon. */
  check(decoded: Decoded, input: Uint8Array): string | Promise<string>;
}

/** An input of which something is not true that must be. */
export interface Finding {
  readonly input: Uint8Array;
  /** What is wrong, its kind in the first line. */
  readonly what: string;
}
