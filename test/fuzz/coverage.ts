import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

/** The pieces of a function that have not run, as flat pairs (start, end). */
type Gaps = readonly number[];

/** Which pieces of Quire's code have run in this thread, as V8 counts them. A look takes one or two milliseconds. */
export class Coverage {
  readonly #session = new Session();
  /** For each function that has run, the pieces that have not. */
  readonly #gaps = new Map<string, Gaps>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Starts a new count. */
  reset(): void {
    this.#take();
  }

  /** Returns whether new code has run since the last look or reset. With `learn`, that code is not new any more. */
  look({ learn }: { readonly learn: boolean }): boolean {
    let isNew = false;
    for (const { scriptId, url, functions } of this.#take()) {
      if (!/\/(server|persistence)\//.test(url) || /\/(test|node_modules)\//.test(url)) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const key = `${scriptId} ${whole.startOffset} ${whole.endOffset}`;
        const gaps = ranges.flatMap(({ count, startOffset, endOffset }) =>
          count === 0 ? [startOffset, endOffset] : [],
        );
        const known = this.#gaps.get(key);
        const left = known === undefined ? gaps : intersection(known, gaps);
        if (known !== undefined && sizeOf(left) === sizeOf(known)) continue;
        isNew = true;
        if (learn) this.#gaps.set(key, left);
      }
    }
    return isNew;
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    // The inspector of the own thread answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      scripts = answer.result;
    });
    return scripts;
  }
}

function intersection(gaps: Gaps, others: Gaps): Gaps {
  const both: number[] = [];
  for (let i = 0; i < gaps.length; i += 2) {
    for (let k = 0; k < others.length; k += 2) {
      const start = Math.max(gaps[i] ?? 0, others[k] ?? 0);
      const end = Math.min(gaps[i + 1] ?? 0, others[k + 1] ?? 0);
      if (start < end) both.push(start, end);
    }
  }
  return both;
}

function sizeOf(gaps: Gaps): number {
  let size = 0;
  for (let i = 0; i < gaps.length; i += 2) size += (gaps[i + 1] ?? 0) - (gaps[i] ?? 0);
  return size;
}
