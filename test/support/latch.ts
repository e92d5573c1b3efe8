/** Holds calls back while it is closed. Open at first. */
export class Latch {
  #opened: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  close(): void {
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }

  /** Resolves when the latch is open. */
  passed(): Promise<void> {
    return this.#opened;
  }
}
