import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

/** Pieces of a function that have not run: flat pairs start, end. */
type Gaps = readonly number[];

/** Which pieces of Quire's code have run, as V8 counts it; in this thread only. Looking takes a millisecond or two. */
export class Coverage {
  readonly #session = new Session();
  /** For each function that has run, what of it never has. */
  readonly #gaps = new Map<string, Gaps>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** From here on it counts. */
  reset(): void {
    this.#take();
  }

  /** Whether anything has run since the last look that never had before; `learn` makes it known. */
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
    // Within a thread the inspector answers before `post` returns.
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
