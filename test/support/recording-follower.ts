import type { Entry, LogFollower, Snapshot } from '../../persistence/update-log.ts';
import { Signal } from './signal.ts';

/** Records its calls, and lets a test wait for them. */
export class RecordingFollower implements LogFollower {
  /** One element per call of `committed`. */
  readonly commits: (readonly Entry[])[] = [];
  readonly compactions: { readonly snapshot: Snapshot; readonly setAside: readonly number[] }[] = [];
  readonly failures: Error[] = [];
  /** Called within `committed`. */
  onCommitted: ((entries: readonly Entry[]) => void) | null = null;
  readonly #changed = new Signal();

  get entries(): readonly Entry[] {
    return this.commits.flat();
  }

  get seqs(): readonly number[] {
    return this.entries.map(({ seq }) => seq);
  }

  durable(seq: number): Promise<void> {
    return this.#changed.until(() => (this.commits.at(-1)?.at(-1)?.seq ?? 0) >= seq);
  }

  compactedTo(seq: number): Promise<void> {
    return this.#changed.until(() => (this.compactions.at(-1)?.snapshot.seq ?? 0) >= seq);
  }

  dead(): Promise<void> {
    return this.#changed.until(() => this.failures.length > 0);
  }

  committed(entries: readonly Entry[]): void {
    this.commits.push(entries);
    this.#changed.notify();
    this.onCommitted?.(entries);
  }

  compacted(snapshot: Snapshot, setAside: readonly number[]): void {
    this.compactions.push({ snapshot, setAside });
    this.#changed.notify();
  }

  failed(error: Error): void {
    this.failures.push(error);
    this.#changed.notify();
  }
}
