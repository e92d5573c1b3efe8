/** An item of a counted list rarely takes more bytes than this. */
const maxItemBytes = 8;

type Judge = (candidate: Uint8Array) => Promise<boolean>;

/**
 * Shortens an input as long as `isStill` holds for the rest. Calls `isStill` up to `maxTries` times, and resolves with
 * the shortest input for which it held.
 */
export function minimize(input: Uint8Array, isStill: Judge, maxTries: number): Promise<Uint8Array> {
  return new Minimizer(input, isStill, maxTries).run();
}

class Minimizer {
  readonly #isStill: Judge;
  #smallest: Uint8Array;
  #triesLeft: number;

  constructor(input: Uint8Array, isStill: Judge, maxTries: number) {
    this.#smallest = input;
    this.#isStill = isStill;
    this.#triesLeft = maxTries;
  }

  async run(): Promise<Uint8Array> {
    for (let before = Infinity; this.#smallest.length < before && this.#triesLeft > 0;) {
      before = this.#smallest.length;
      await this.#leaveOutPieces();
      await this.#leaveOutCountedPieces();
    }
    return this.#smallest;
  }

  /** Leaves out pieces of any size, the largest first. */
  async #leaveOutPieces(): Promise<void> {
    for (let size = Math.ceil(this.#smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < this.#smallest.length && this.#triesLeft > 0;) {
        if (!(await this.#shrinksTo(without(this.#smallest, at, size)))) at += size;
      }
    }
  }

  /**
   * Leaves out small pieces and lowers one byte before the piece by 1. An item of a counted list can only be left out
   * together with its count.
   */
  async #leaveOutCountedPieces(): Promise<void> {
    for (let size = 1; size <= maxItemBytes; size++) {
      for (let at = 1; at + size <= this.#smallest.length && this.#triesLeft > 0;) {
        if (!(await this.#leavesOutCounted(at, size))) at++;
      }
    }
  }

  async #leavesOutCounted(at: number, size: number): Promise<boolean> {
    for (let count = 0; count < at && this.#triesLeft > 0; count++) {
      const byte = this.#smallest[count] ?? 0;
      if (byte === 0) continue;
      const candidate = without(this.#smallest, at, size);
      candidate[count] = byte - 1;
      if (await this.#shrinksTo(candidate)) return true;
    }
    return false;
  }

  async #shrinksTo(candidate: Uint8Array): Promise<boolean> {
    if (this.#triesLeft === 0) return false;
    this.#triesLeft--;
    if (!(await this.#isStill(candidate))) return false;
    this.#smallest = candidate;
    return true;
  }
}

/** A copy without the bytes [at, at + size). */
function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
}
