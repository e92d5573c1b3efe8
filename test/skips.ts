/** Counts skipped tests by reason. */
export class Skips {
  readonly #counts = new Map<string, number>();

  /** The `skip` of a test that has ended: undefined or false if it ran, otherwise the reason or true. */
  add(skip: string | boolean | undefined): void {
    if (skip === undefined || skip === false) return;
    const reason = typeof skip === 'string' && skip !== '' ? skip : 'no reason given';
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** One line per reason, the most frequent first. */
  summary(): string[] {
    const byCount = [...this.#counts].sort(([, a], [, b]) => b - a);
    return byCount.map(([reason, count]) => `Skipped ${count} ${count === 1 ? 'test' : 'tests'}: ${reason}`);
  }
}
