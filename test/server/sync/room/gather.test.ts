import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { readingWeight } from '../../../../persistence/update/weight.ts';
import { gather } from '../../../../server/sync/room/gather.ts';
import { MAX_MERGE_WEIGHT } from '../../../../server/sync/offload.ts';
import { TextWriter } from '../../../support/text-writer.ts';
import { struct, updateOf } from '../../../support/update-bytes.ts';

const KIB = 1024;

function blocksOf(updates: readonly Uint8Array[]) {
  return updates.map((update, index) => ({ lastSeq: index + 1, update }));
}

test('what little there is becomes one block, up to the last sequence number', () => {
  const writer = new TextWriter(1);
  const [block, ...others] = gather(blocksOf(['a', 'b', 'c'].map((text) => writer.type(text))));
  assert.equal(others.length, 0);
  assert.equal(block?.lastSeq, 3);
  assert.deepEqual(scanUpdate(block.update).intervals, [1, 0, 3]);
  assert.deepEqual(gather([]), []);
});

test('I3, I6: much is merged in neighbours that cost little, in order, and what is large stays as it is', () => {
  const writer = new TextWriter(1);
  const sizes = [1, 100, 100, 100, 300, 1, 1];
  const blocks = blocksOf(sizes.map((size) => writer.type('x'.repeat(size * KIB))));
  const gathered = gather(blocks);
  assert.deepEqual(
    gathered.map(({ lastSeq }) => lastSeq),
    [3, 4, 5, 7],
  );
  assert.equal(gathered[2]?.update, blocks[4]?.update);
  assert.deepEqual(
    gathered.map(({ update }) => scanUpdate(update).intervals[2]),
    [201 * KIB, 301 * KIB, 601 * KIB, 603 * KIB],
  );
});

test('I6: client ids weigh more than their bytes: two updates of 3,000 stay two', () => {
  const updates = [manyClients(1_000_000), manyClients(900_000)];
  assert.ok(updates.every((update) => update.length < 30 * KIB && readingWeight(update) < MAX_MERGE_WEIGHT));
  assert.equal(gather(blocksOf(updates)).length, 2);
});

test('I6: structs weigh more than their bytes: what would take long to merge stays apart', () => {
  const updates = [1, 2].map((client) => tinyStructs(client, 6_000));
  assert.ok(updates.every((update) => update.length < 60 * KIB));
  const gathered = gather(blocksOf(updates));
  assert.deepEqual(
    gathered.map(({ update }) => update),
    updates,
  );
});

test('I3 I6: an entry and what had waited for it follow each other, merged only if that is quick', () => {
  const writer = new TextWriter(1);
  const large = (): Uint8Array => writer.type('x'.repeat(200 * KIB));
  const blocks = [1, 2, 2, 3].map((lastSeq) => ({ lastSeq, update: large() }));
  assert.deepEqual(gather(blocks), blocks);
  const small = [1, 2, 2, 3].map((lastSeq) => ({ lastSeq, update: writer.type('x') }));
  assert.deepEqual(
    gather(small).map(({ lastSeq }) => lastSeq),
    [3],
  );
});

test('I6: one call merges a bounded part of what has come, whatever the number of its blocks', () => {
  const updates = Array.from({ length: 200 }, (_, i) => tinyStructs(1_000 - i, 500));
  const gathered = gather(blocksOf(updates));
  const merged = gathered.filter(({ update }) => !updates.includes(update));
  assert.ok(merged.length > 0 && merged.length <= 3, `${merged.length} merged blocks`);
  assert.equal(gathered.at(-1)?.lastSeq, 200);
  const brought = gathered.flatMap(({ update }) => [...scanUpdate(update).intervals]).filter((_, i) => i % 3 === 0);
  assert.deepEqual(
    brought.sort((a, b) => a - b),
    updates.map((_, i) => 801 + i),
  );
});

function tinyStructs(client: number, count: number): Uint8Array {
  const structs = Array.from({ length: count }, (_, clock) =>
    clock === 0 ? struct.text('x') : struct.textAfter(client, clock - 1, 'x'),
  );
  return updateOf([{ client, clock: 0, structs }]);
}

function manyClients(first: number): Uint8Array {
  return updateOf(Array.from({ length: 3_000 }, (_, i) => ({ client: first - i, clock: 0, structs: [struct.gc(1)] })));
}
