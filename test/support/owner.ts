/** Runs clean-up functions when it ends: the context of a test, or a benchmark run. */
export interface Owner {
  after(cleanUp: () => void | Promise<void>): void;
}

/** An owner for code outside a test. Runs the clean-up functions in reverse order. */
export class Disposer implements Owner {
  readonly #cleanUps: (() => void | Promise<void>)[] = [];

  after(cleanUp: () => void | Promise<void>): void {
    this.#cleanUps.push(cleanUp);
  }

  async dispose(): Promise<void> {
    for (let cleanUp = this.#cleanUps.pop(); cleanUp; cleanUp = this.#cleanUps.pop()) await cleanUp();
  }
}
