/** Only the first bytes of a larger input are kept. */
const maxBytes = 131_072;
const headBytes = 8;

/** The input that a thread is trying, in shared memory. Another thread reads it when the first one does not answer. */
export class LastInput {
  readonly buffer: SharedArrayBuffer;
  /** The number of inputs so far, and the size of the last one. */
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  /** Uses the buffer of another thread, or makes one. */
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
