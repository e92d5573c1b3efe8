import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LogError } from '../../../persistence/errors.ts';
import type { Compact } from '../../../persistence/compaction/compaction.ts';
import type { CompactionPolicy } from '../../../persistence/engine/compactor.ts';
import type { PinnedSnapshot, UpdateLog } from '../../../persistence/update-log.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

/** One storage, on which several logs can be opened in turn. */
export interface LogWorld {
  /** Opens a log, which finds the records of earlier logs on this storage. */
  open(options: { readonly compact: Compact; readonly compaction: CompactionPolicy }): Promise<UpdateLog>;
  /** Makes writing and reopening fail until `heal`. */
  fail(error: Error): void;
  heal(): void;
}

export const never: CompactionPolicy = {
  minTailBytes: Number.MAX_SAFE_INTEGER,
  tailToSnapshotRatio: 1,
  entryCostBytes: 0,
};
/** Folds a tail of ten bytes or more. */
export const eager: CompactionPolicy = { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 };

export interface Opened {
  readonly document: Awaited<ReturnType<UpdateLog['open']>>;
  readonly follower: RecordingFollower;
}

/** A log that can be closed and opened again. */
export class LogFixture {
  readonly world: LogWorld;
  readonly fake = new FakeCompact();
  readonly #compaction: CompactionPolicy;
  #log: UpdateLog | null = null;

  static async open(t: TestContext, world: LogWorld, compaction: CompactionPolicy): Promise<LogFixture> {
    const fixture = new LogFixture(world, compaction);
    t.after(() => fixture.close());
    await fixture.reopen();
    return fixture;
  }

  private constructor(world: LogWorld, compaction: CompactionPolicy) {
    this.world = world;
    this.#compaction = compaction;
  }

  get log(): UpdateLog {
    assert.ok(this.#log);
    return this.#log;
  }

  async reopen(): Promise<void> {
    await this.close();
    this.#log = await this.world.open({ compact: this.fake.compact, compaction: this.#compaction });
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  /** Opens the document, appends an entry, waits until it is durable, and closes the document. */
  async write(docId: string, updates: readonly Uint8Array[]): Promise<void> {
    const { document } = await this.document(docId);
    for (const update of updates) document.append(update, 'me');
    await document.close();
  }

  async document(docId: string): Promise<Opened> {
    const follower = new RecordingFollower();
    return { document: await this.log.open(docId, follower), follower };
  }
}

/** `length` bytes with the value `value`. */
export function bytes(length: number, value = 0): Uint8Array {
  return new Uint8Array(length).fill(value);
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export function code(expected: LogError['code']): (error: unknown) => boolean {
  return (error) => error instanceof LogError && error.code === expected;
}

export async function contentOf(pinned: PinnedSnapshot | null): Promise<number[]> {
  const content: number[] = [];
  for (let part = 0; part < (pinned?.snapshot.parts.length ?? 0); part += 1) {
    content.push(...((await pinned?.read(part)) ?? []));
  }
  return content;
}

export async function everything({ document }: Opened): Promise<number[]> {
  const pinned = document.pin();
  const content = await contentOf(pinned);
  pinned?.release();
  return [...content, ...document.stored.tail.flatMap(({ update }) => [...update])];
}

export function opened(log: UpdateLog): Promise<void> {
  return new Promise((resolve) => {
    const end = log.onState((state) => {
      if (state !== 'open') return;
      end();
      resolve();
    });
  });
}
