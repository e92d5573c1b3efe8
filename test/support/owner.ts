/** Whoever cleans up what it was told of when it ends: a test's context, or a bench run. */
export interface Owner {
  after(cleanUp: () => void | Promise<void>): void;
}

/** Cleans up when told, in reverse order: for programs, where there is no test context. */
export class Disposer implements Owner {
  readonly #cleanUps: (() => void | Promise<void>)[] = [];

  after(cleanUp: () => void | Promise<void>): void {
    this.#cleanUps.push(cleanUp);
  }

  async dispose(): Promise<void> {
    for (let cleanUp = this.#cleanUps.pop(); cleanUp; cleanUp = this.#cleanUps.pop()) await cleanUp();
  }
}
