import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PinnedSnapshot, Snapshot } from '../../../../persistence/update-log.ts';
import { JoinCache } from '../../../../server/sync/room/join-cache.ts';
import { Tail } from '../../../../server/sync/room/tail.ts';
import { CountingCodec } from '../../../support/counting-codec.ts';
import { decodeWrite } from '../../../support/fake-connection.ts';
import type { Frame } from '../../../support/frames.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';

const sweepsKept = 5;
const partBytes = 2;

function pinnedSnapshot(seq: number): { pinned: PinnedSnapshot; reads: number[]; fail: { next: boolean } } {
  const reads: number[] = [];
  const fail = { next: false };
  const snapshot: Snapshot = {
    seq,
    parts: [0, 1].map(() => ({ bytes: partBytes, intervals: [] })),
    pending: null,
    stateVector: Uint8Array.of(0),
    deleteSet: Uint8Array.of(0),
  };
  const pinned: PinnedSnapshot = {
    snapshot,
    read: async (part) => {
      reads.push(part);
      if (fail.next) {
        fail.next = false;
        throw new Error('damaged');
      }
      return Uint8Array.of(seq, part);
    },
    release: () => {},
  };
  return { pinned, reads, fail };
}

/** A cache with the tail of its room, as one codec sees it. */
class Bench {
  readonly cache = new JoinCache();
  readonly tail = new Tail();
  readonly codec = new CountingCodec();

  part(pinned: PinnedSnapshot, part: number): Promise<Uint8Array> {
    return this.cache.snapshotPart(this.codec, pinned, part);
  }

  wholeTail(): Uint8Array[] {
    return this.cache.tailMessages(this.codec, this.tail.after(0), true);
  }

  sweep(times = 1): void {
    for (; times > 0; times--) this.cache.sweep(this.tail);
  }
}

function updatesOf(messages: readonly Uint8Array[]): Uint8Array[] {
  return messages.flatMap(decodeWrite).map((frame) => (frame as Frame & { update: Uint8Array }).update);
}

test('many joins read and encode a part of the snapshot once, and get the same bytes', async () => {
  const fixture = new Bench();
  const { pinned, reads } = pinnedSnapshot(1);
  const [first, second] = await Promise.all([fixture.part(pinned, 0), fixture.part(pinned, 0)]);
  assert.equal(first, second);
  assert.deepEqual(updatesOf([first, await fixture.part(pinned, 1)]), [Uint8Array.of(1, 0), Uint8Array.of(1, 1)]);
  assert.deepEqual(reads, [0, 1]);
  assert.equal(fixture.cache.bytes, 2 * partBytes);
});

test('a part that no join has used for five sweeps is dropped, and the others stay', async () => {
  const fixture = new Bench();
  const { pinned, reads } = pinnedSnapshot(1);
  await fixture.part(pinned, 0);
  fixture.sweep(2);
  await fixture.part(pinned, 1);
  fixture.sweep(sweepsKept - 2);
  assert.equal(fixture.cache.bytes, partBytes);
  await fixture.part(pinned, 1);
  assert.deepEqual(reads, [0, 1]);
  await fixture.part(pinned, 0);
  assert.deepEqual(reads, [0, 1, 0]);
  fixture.sweep(sweepsKept - 1);
  await fixture.part(pinned, 0);
  assert.deepEqual(reads, [0, 1, 0]);
  fixture.sweep(sweepsKept);
  assert.equal(fixture.cache.bytes, 0);
});

test('a new snapshot replaces the old one', async () => {
  const fixture = new Bench();
  await fixture.part(pinnedSnapshot(1).pinned, 0);
  assert.deepEqual(updatesOf([await fixture.part(pinnedSnapshot(2).pinned, 0)]), [Uint8Array.of(2, 0)]);
  assert.equal(fixture.cache.bytes, partBytes);
});

test('I8: all joins that wait for a failed read get its error, and the next join reads again', async () => {
  const fixture = new Bench();
  const { pinned, reads, fail } = pinnedSnapshot(1);
  fail.next = true;
  const both = [fixture.part(pinned, 0), fixture.part(pinned, 0)];
  for (const read of both) await assert.rejects(read, /damaged/);
  assert.deepEqual(updatesOf([await fixture.part(pinned, 0)]), [Uint8Array.of(1, 0)]);
  assert.deepEqual(reads, [0, 0]);
});

test('large segments of the tail are encoded once for all joins, and dropped after five sweeps without a join', () => {
  const fixture = new Bench();
  fixture.tail.push({ lastSeq: 1, update: new Typist().type('x'.repeat(20_000)) });
  const [first] = fixture.wholeTail();
  assert.equal(fixture.wholeTail()[0], first);
  assert.ok(fixture.cache.bytes >= 20_000, 'kept messages count');
  fixture.sweep(sweepsKept - 1);
  assert.equal(fixture.wholeTail()[0], first);
  assert.equal(fixture.codec.encodings, 1);
  fixture.sweep(sweepsKept);
  assert.equal(fixture.cache.bytes, 0);
  assert.deepEqual(fixture.wholeTail(), [first]);
});

test('large segments stay encoded while a user types, and the last message is the SyncStep2', () => {
  const fixture = new Bench();
  const writer = new Typist();
  fixture.tail.push({ lastSeq: 1, update: writer.type('x'.repeat(20_000)) });
  fixture.tail.push({ lastSeq: 2, update: writer.type('more') });
  const before = fixture.wholeTail();
  fixture.tail.push({ lastSeq: 3, update: writer.type('and more') });
  const after = fixture.wholeTail();
  assert.equal(after[0], before[0]);
  assert.deepEqual(
    after.flatMap(decodeWrite).map(({ type }) => type),
    ['update', 'update', 'sync-step-2'],
  );
  assert.equal(textFrom(...updatesOf(after)), writer.text);
  fixture.tail.trim(1);
  fixture.sweep();
  assert.equal(fixture.cache.bytes, 0, 'folded segments are not kept');
});

test('I7: messages that one codec no longer uses are dropped while another codec is in use', async () => {
  const fixture = new Bench();
  const { pinned } = pinnedSnapshot(1);
  const other = new CountingCodec();
  await fixture.part(pinned, 0);
  for (let sweep = 0; sweep < sweepsKept; sweep++) {
    await fixture.cache.snapshotPart(other, pinned, 0);
    fixture.sweep();
  }
  assert.equal(fixture.cache.bytes, partBytes);
  assert.deepEqual([fixture.codec.encodings, other.encodings], [1, 1]);
});
