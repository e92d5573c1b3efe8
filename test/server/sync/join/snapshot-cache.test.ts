import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PinnedSnapshot, Snapshot } from '../../../../persistence/update-log.ts';
import { SnapshotCache } from '../../../../server/sync/join/snapshot-cache.ts';

function pinnedSnapshot(seq: number): { pinned: PinnedSnapshot; reads: number[]; fail: { next: boolean } } {
  const reads: number[] = [];
  const fail = { next: false };
  const snapshot: Snapshot = {
    seq,
    parts: [],
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

const encode = (part: Uint8Array) => Uint8Array.of(99, ...part);

test('many joins read and encode a part once, and get the same bytes', async () => {
  const { pinned, reads } = pinnedSnapshot(1);
  const cache = new SnapshotCache(encode);
  const [first, second] = await Promise.all([cache.read(pinned, 0, 0), cache.read(pinned, 0, 10)]);
  assert.equal(first, second);
  assert.deepEqual(first, Uint8Array.of(99, 1, 0));
  assert.deepEqual(await cache.read(pinned, 1, 20), Uint8Array.of(99, 1, 1));
  assert.deepEqual(reads, [0, 1]);
});

test('a part that nobody asked for during 5 s is let go, the others stay', async () => {
  const { pinned, reads } = pinnedSnapshot(1);
  const cache = new SnapshotCache(encode);
  await cache.read(pinned, 0, 0);
  await cache.read(pinned, 1, 3_000);
  assert.equal(cache.sweep(5_000), true);
  await cache.read(pinned, 1, 5_000);
  assert.deepEqual(reads, [0, 1]);
  await cache.read(pinned, 0, 5_000);
  assert.deepEqual(reads, [0, 1, 0]);
  await cache.read(pinned, 0, 9_000);
  assert.equal(cache.sweep(13_000), true);
  await cache.read(pinned, 0, 13_000);
  assert.deepEqual(reads, [0, 1, 0]);
  assert.equal(cache.sweep(18_000), false);
});

test('a new snapshot takes the place of the old one', async () => {
  const cache = new SnapshotCache(encode);
  await cache.read(pinnedSnapshot(1).pinned, 0, 0);
  assert.deepEqual(await cache.read(pinnedSnapshot(2).pinned, 0, 0), Uint8Array.of(99, 2, 0));
});

test('I8: a failed read is told to all who wait for it, and the next one reads again', async () => {
  const { pinned, reads, fail } = pinnedSnapshot(1);
  const cache = new SnapshotCache(encode);
  fail.next = true;
  const both = [cache.read(pinned, 0, 0), cache.read(pinned, 0, 0)];
  for (const read of both) await assert.rejects(read, /damaged/);
  assert.deepEqual(await cache.read(pinned, 0, 0), Uint8Array.of(99, 1, 0));
  assert.deepEqual(reads, [0, 0]);
});
