import type { Inspector } from './inspector.ts';
import { referenceMs, referenceWork } from './slowness.ts';
import { slownessOf, watchTurns } from './turn-watch.ts';

/** Watches the event loop of a server for stalls that are its own: tests share the machine with others. */
export class EventLoopWatch {
  readonly #inspector: Inspector;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Starts a watch, and ends the one before. */
  async begin(): Promise<void> {
    await this.#inspector.evaluate(`(() => {
      globalThis.__watch?.end();
      globalThis.__slowness ??= (${String(slownessOf)})(${String(referenceWork)}, ${referenceMs});
      globalThis.__watch = (${String(watchTurns)})(globalThis.__slowness);
      return true;
    })()`);
  }

  /** The longest turn of the loop since `begin`, in milliseconds, on a machine as fast as usual. Ends the watch. */
  async end(): Promise<number> {
    return (await this.#inspector.evaluate(`(() => {
      const longestMs = globalThis.__watch.end();
      globalThis.__watch = undefined;
      return longestMs;
    })()`)) as number;
  }
}
