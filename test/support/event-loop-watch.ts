import type { Inspector } from './inspector.ts';
import { watchTurns } from './turn-watch.ts';

/** Watches the event loop of a server for stalls that are its own: tests share the machine with others. */
export class EventLoopWatch {
  readonly #inspector: Inspector;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Begins anew: what was seen before is forgotten. */
  async begin(): Promise<void> {
    await this.#inspector.evaluate(`globalThis.__watch?.end(), globalThis.__watch = (${String(watchTurns)})(), true`);
  }

  /** The longest turn of the loop since `begin`, in milliseconds; ends the watch. */
  async end(): Promise<number> {
    return (await this.#inspector.evaluate(`(() => {
      const longestMs = globalThis.__watch.end();
      globalThis.__watch = undefined;
      return longestMs;
    })()`)) as number;
  }
}
