/** Larger inputs are kept up to this. */
const maxBytes = 131_072;
const headBytes = 8;

/** The input that a thread is trying, where another thread can read it when that one does not answer any more. */
export class LastInput {
  readonly buffer: SharedArrayBuffer;
  /** How many inputs there have been, and the size of the last. */
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  /** Without a buffer it makes one. */
  constructor(buffer = new SharedArrayBuffer(headBytes + maxBytes)) {
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, 2);
    this.#bytes = new Uint8Array(buffer, headBytes);
  }

  get count(): number {
    return Atomics.load(this.#head, 0);
  }

  write(input: Uint8Array): void {
    const kept = input.subarray(0, maxBytes);
    this.#bytes.set(kept);
    Atomics.store(this.#head, 1, kept.length);
    Atomics.add(this.#head, 0, 1);
  }

  read(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#head, 1));
  }
}
