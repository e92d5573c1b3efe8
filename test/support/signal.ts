/** Lets tests wait for the moment at which something has become true. */
export class Signal {
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  /** To be called after every change. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ condition }) => !condition());
    for (const { condition, resolve } of waiting) if (condition()) resolve();
  }

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }
}
