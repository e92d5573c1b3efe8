import type { After } from './after.ts';

export interface HeldRefusalsOptions {
  /** How many may be held back at once, in total and of one address. */
  readonly max: number;
  readonly maxPerKey: number;
  /** One was released early. */
  reached(): void;
}

interface Held {
  readonly key: string;
  release(): void;
}

/**
 * Refusals that repeat and are held back, so that clients that come back at once do so less often. Each takes the place of a
 * connection meanwhile, so their number is bounded: beyond it the one that has been held longest is released early.
 */
export class HeldRefusals {
  readonly #options: HeldRefusalsOptions;
  readonly #after: After;
  /** In the order in which they came. */
  readonly #byKey = new Map<string, Set<Held>>();
  readonly #all = new Set<Held>();

  constructor(options: HeldRefusalsOptions, after: After) {
    this.#options = options;
    this.#after = after;
  }

  /** How many are held back. */
  get count(): number {
    return this.#all.size;
  }

  /** Resolves after `delayMs`, or earlier when too many are held. `key` is what limits take for one address. */
  hold(key: string, delayMs: number): Promise<void> {
    const ofKey = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, ofKey);
    const released = new Promise<void>((resolve) => {
      const held: Held = {
        key,
        release: () => {
          cancel();
          this.#all.delete(held);
          ofKey.delete(held);
          if (ofKey.size === 0) this.#byKey.delete(key);
          resolve();
        },
      };
      const cancel = this.#after(delayMs, held.release);
      this.#all.add(held);
      ofKey.add(held);
    });
    if (ofKey.size > this.#options.maxPerKey) this.#releaseFirst(ofKey);
    if (this.#all.size > this.#options.max) this.#releaseFirst(this.#all);
    return released;
  }

  #releaseFirst(held: ReadonlySet<Held>): void {
    this.#options.reached();
    const { value } = held.values().next();
    value?.release();
  }
}
