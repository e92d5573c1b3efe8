import type { After } from './after.ts';

export interface HeldRefusalsOptions {
  /** How many may be delayed at once, in total and per address. */
  readonly max: number;
  readonly maxPerKey: number;
  /** Called when a refusal is released early. */
  reached(): void;
}

interface Held {
  readonly key: string;
  release(): void;
}

/**
 * Delays repeated refusals, so that clients that reconnect at once do so less often. Each keeps a connection open
 * meanwhile, so their number is bounded. Beyond the bound the oldest is released early.
 */
export class HeldRefusals {
  readonly #options: HeldRefusalsOptions;
  readonly #after: After;
  /** In order of arrival. */
  readonly #byKey = new Map<string, Set<Held>>();
  readonly #all = new Set<Held>();

  constructor(options: HeldRefusalsOptions, after: After) {
    this.#options = options;
    this.#after = after;
  }

  /** The number of delayed refusals. */
  get count(): number {
    return this.#all.size;
  }

  /** Resolves after `delayMs`, or earlier when too many are held. `key` is the address as the limits count it. */
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
