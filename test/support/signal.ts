/** Lets tests wait until a condition becomes true. */
export class Signal {
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  /** Must be called after every change. */
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
