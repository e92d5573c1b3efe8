import type { Random } from '../support/random.ts';
import { mutate } from '../support/mutants.ts';
import { confirmCost, createCostMeter } from './cost.ts';
import { Coverage } from './coverage.ts';
import { minimize } from './minimize.ts';
import type { Finding, FuzzTarget } from './target.ts';

/** Longer inputs are tried, but no mutants are made of them. */
const maxKeptBytes = 8_192;
const maxKept = 5_000;
/** Inputs between two looks at the coverage. */
const batchSize = 32;
/** One of so many mutants is stretched to `stretchedBytes`, to find a decoder that is slower than linear. */
const stretchEvery = 200;
const stretchedBytes = 65_536;
/** Inputs that are tried to make a finding smaller. A costly input takes up to a hundred milliseconds each time. */
const maxMinimizeTries = { costly: 200, wrong: 20_000 };

export interface FuzzOptions {
  readonly target: FuzzTarget;
  readonly random: Random;
  /** Inputs that are tried first, before the seeds of the target. */
  readonly corpus: readonly Uint8Array[];
  /** The run ends when it has found this many kinds of findings. */
  readonly maxFindings: number;
  /** Asked before each batch of inputs. True ends the run. */
  isOver(): boolean;
  /** Called before each input is tried, so that an input that never returns is known. */
  readonly onInput?: (input: Uint8Array) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  /** The number of different outcomes: refusals, and shapes of decoded values. */
  readonly outcomes: number;
  /** Inputs that had a new outcome or ran new code. Mutants are made of them. */
  readonly kept: number;
  /** One finding of each kind, minimized. */
  readonly findings: readonly Finding[];
}

/**
 * Looks for inputs that break a promise of the target. Tries the corpus and the seeds, then mutants of inputs that had
 * a new outcome or ran new code, and inputs that the target generates.
 */
export class Fuzzer {
  readonly #options: FuzzOptions;
  readonly #kept: Uint8Array[] = [];
  readonly #outcomes = new Set<string>();
  readonly #findings = new Map<string, Finding>();
  readonly #meter = createCostMeter();
  #inputs = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
  }

  async run(): Promise<FuzzReport> {
    const { target, random, corpus, maxFindings, isOver } = this.#options;
    const coverage = new Coverage();
    try {
      const first = [...corpus, ...(await target.seeds(random))];
      while (!isOver() && this.#findings.size < maxFindings) {
        const batch =
          first.length > 0 ? first.splice(0, batchSize) : Array.from({ length: batchSize }, () => this.#next());
        await this.#try(batch, coverage);
      }
    } finally {
      coverage.close();
    }
    const { size: outcomes } = this.#outcomes;
    return { inputs: this.#inputs, outcomes, kept: this.#kept.length, findings: [...this.#findings.values()] };
  }

  /** Tries one input. Resolves with a description of the broken promise; null if the input breaks none. */
  async examine(input: Uint8Array): Promise<string | null> {
    return (await this.#examine(input)).wrong;
  }

  #next(): Uint8Array {
    const { random, target } = this.#options;
    if (this.#kept.length === 0 || (target.generate !== null && random.below(4) === 0)) {
      return target.generate?.(random) ?? Uint8Array.of(random.below(256));
    }
    const mutant = mutate(this.#pick(), this.#pick(), random);
    return random.below(stretchEvery) === 0 ? stretch(mutant, random) : mutant;
  }

  /** Half of the time one of the latest 32 inputs, which have the fewest mutants so far. */
  #pick(): Uint8Array {
    const { random } = this.#options;
    return random.pick(random.below(2) === 0 ? this.#kept : this.#kept.slice(-32));
  }

  async #try(batch: readonly Uint8Array[], coverage: Coverage): Promise<void> {
    coverage.reset();
    const good: Uint8Array[] = [];
    for (const input of batch) {
      this.#inputs++;
      const { outcome, wrong } = await this.#examine(input);
      if (wrong !== null) {
        await this.#found(input, outcome === 'costly' ? outcome : 'wrong', wrong);
        if (this.#findings.size >= this.#options.maxFindings) return;
      } else {
        good.push(input);
        if (!this.#outcomes.has(outcome)) this.#keep(input);
      }
      this.#outcomes.add(outcome);
    }
    if (coverage.look({ learn: false })) await this.#keepWhatIsNew(good, coverage);
  }

  /**
   * Keeps the inputs of a batch that ran new code. Finds them by bisection, because a look takes longer than an input.
   */
  async #keepWhatIsNew(inputs: readonly Uint8Array[], coverage: Coverage): Promise<void> {
    coverage.reset();
    for (const input of inputs) await this.#examine(input);
    const [only, ...others] = inputs;
    if (only === undefined || !coverage.look({ learn: others.length === 0 })) return;
    if (others.length === 0) {
      this.#keep(only);
      return;
    }
    await this.#keepWhatIsNew(inputs.slice(0, inputs.length >>> 1), coverage);
    await this.#keepWhatIsNew(inputs.slice(inputs.length >>> 1), coverage);
  }

  #keep(input: Uint8Array): void {
    if (input.length <= maxKeptBytes && this.#kept.length < maxKept) this.#kept.push(input);
  }

  async #found(input: Uint8Array, outcome: keyof typeof maxMinimizeTries, wrong: string): Promise<void> {
    const kind = kindOf(wrong);
    if (this.#findings.has(kind)) return;
    this.#findings.set(kind, { input, what: wrong });
    const isStill = async (candidate: Uint8Array): Promise<boolean> => {
      const { wrong: still } = await this.#examine(candidate);
      return still !== null && kindOf(still) === kind;
    };
    const small = await minimize(input, isStill, maxMinimizeTries[outcome]);
    this.#findings.set(kind, { input: small, what: (await this.examine(small)) ?? wrong });
  }

  async #examine(input: Uint8Array): Promise<{ readonly outcome: string; readonly wrong: string | null }> {
    const { target, onInput } = this.#options;
    onInput?.(input);
    let outcome = '';
    try {
      this.#meter.begin();
      let decoded: unknown;
      try {
        decoded = target.decode(input);
        if (decoded instanceof Promise) decoded = await decoded;
      } catch (error) {
        const refusal = target.refusal(error);
        if (refusal === null) throw error;
        outcome = `refused: ${refusal}`;
      }
      if (this.#meter.isTooMuch(input.length)) {
        const wrong = await confirmCost(async () => settle(() => target.decode(input)), input.length);
        if (wrong !== null) return { outcome: 'costly', wrong };
      }
      if (outcome === '') outcome = await target.check(decoded, input);
      return { outcome, wrong: null };
    } catch (error) {
      return { outcome: 'wrong', wrong: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }
}

async function settle(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch {
    // This run only measures the cost. The error has been judged before.
  }
}

/** The kind of a finding: its first line without numbers. */
function kindOf(wrong: string): string {
  return (wrong.split('\n')[0] ?? '').replace(/\d+/g, '#').slice(0, 100);
}

/** Repeats a piece of the input until it has `stretchedBytes`. */
function stretch(input: Uint8Array, random: Random): Uint8Array {
  const begin = random.below(input.length + 1);
  const piece = input.subarray(begin, begin + 1 + random.below(32));
  if (piece.length === 0) return input;
  const times = Math.floor((stretchedBytes - input.length) / piece.length);
  const middle = Buffer.alloc(Math.max(0, times) * piece.length, piece);
  return Buffer.concat([input.subarray(0, begin), middle, input.subarray(begin)]);
}
