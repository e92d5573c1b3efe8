import type { Inspector } from './inspector.ts';
import { referenceMs, referenceWork } from './slowness.ts';
import { slownessOf, watchTurns } from './turn-watch.ts';

/** Measures stalls of a server's event loop that the server itself caused. Other processes share the machine. */
export class EventLoopWatch {
  readonly #inspector: Inspector;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Starts a measurement, and ends the one before. */
  async begin(): Promise<void> {
    await this.#inspector.evaluate(`(() => {
      globalThis.__watch?.end();
      globalThis.__slowness ??= (${String(slownessOf)})(${String(referenceWork)}, ${referenceMs});
      globalThis.__watch = (${String(watchTurns)})(globalThis.__slowness);
      return true;
    })()`);
  }

  /**
   * The longest turn of the loop since `begin`, in milliseconds on a machine of the usual speed. Ends the measurement.
   */
  async end(): Promise<number> {
    return (await this.#inspector.evaluate(`(() => {
      const longestMs = globalThis.__watch.end();
      globalThis.__watch = undefined;
      return longestMs;
    })()`)) as number;
  }
}
