import { Inspector, inspectorArgs } from './inspector.ts';
import type { Owner } from './owner.ts';
import type { Quire } from './quire.ts';

/**
 * Runs in the server before its first module. `Date.now` and `performance.now` stand still until `passTime` moves both.
 * Whole milliseconds, so that limits refill by exactly what the test expects.
 */
const hold = `
  const [wallMs, monotonicMs] = [Date.now(), Math.floor(performance.now())];
  let passedMs = 0;
  Date.now = () => wallMs + passedMs;
  performance.now = () => monotonicMs + passedMs;
  globalThis.passTime = (ms) => { passedMs += ms; };`;

/** Arguments for `node` with which a ServerClock can be attached. */
export const serverClockArgs: readonly string[] = [
  ...inspectorArgs,
  '--import',
  `data:text/javascript,${encodeURIComponent(hold)}`,
];

/**
 * The clock of a server process, which stands still until a test moves it. No limit refills and nothing expires,
 * however long the test takes. Timers run in real time, so the server reads its clock every second.
 */
export class ServerClock {
  readonly #inspector: Inspector;

  /** For a server that was started with `serverClockArgs`. */
  static async attach(owner: Owner, quire: Quire): Promise<ServerClock> {
    const inspector = await Inspector.attach(quire.process);
    owner.after(() => inspector.close());
    return new ServerClock(inspector);
  }

  private constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Resolves with the time of the server, in milliseconds since 1970. */
  async wallMs(): Promise<number> {
    return (await this.#inspector.evaluate('Date.now()')) as number;
  }

  /** Resolves when the server's clock has been moved. */
  async pass(ms: number): Promise<void> {
    await this.#inspector.evaluate(`passTime(${ms})`);
  }
}
