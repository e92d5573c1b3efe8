import type { CompactionInput, CompactionOutput } from '../../persistence/compaction/compaction.ts';
import { Signal } from './signal.ts';

/**
 * Folds by joining the bytes, so that the result shows what was folded, in which order, and whether anything is there
 * twice. An update that begins with 0xff is poison and is set aside.
 */
export class FakeCompact {
  readonly inputs: CompactionInput[] = [];
  /** The size of the parts of the result, in bytes. */
  partBytes = Number.POSITIVE_INFINITY;
  failure: Error | null = null;
  /** For the next result only. */
  waitingSetAside: Uint8Array | null = null;
  readonly #changed = new Signal();
  #held: (() => void)[] | null = null;

  readonly compact = async (input: CompactionInput): Promise<CompactionOutput> => {
    this.inputs.push(input);
    this.#changed.notify();
    if (this.#held !== null) await new Promise<void>((go) => this.#held?.push(go));
    if (this.failure !== null) throw this.failure;
    const good = input.entries.filter(({ update }) => update[0] !== 0xff);
    const data = Buffer.concat([...input.snapshot, ...good.map(({ update }) => update)]);
    const parts: CompactionOutput['parts'][number][] = [];
    for (let from = 0; from < data.length; from += this.partBytes) {
      const part = new Uint8Array(data.subarray(from, from + this.partBytes));
      parts.push({ data: part, bytes: part.length, intervals: [1, from, from + part.length] });
    }
    const { waitingSetAside } = this;
    this.waitingSetAside = null;
    return {
      parts,
      pending: null,
      stateVector: Uint8Array.of(1, 2, 3),
      deleteSet: Uint8Array.of(0),
      setAside: input.entries.filter(({ update }) => update[0] === 0xff).map(({ seq }) => seq),
      waitingSetAside,
    };
  };

  /** Calls wait for `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const go of held) go();
  }

  /** Resolves when it has been called this many times. */
  called(count: number): Promise<void> {
    return this.#changed.until(() => this.inputs.length >= count);
  }
}
