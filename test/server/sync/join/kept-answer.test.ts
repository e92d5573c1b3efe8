import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSame, joined } from '../../../support/joining.ts';
import { Typist } from '../../../support/shared-text.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const sweepsKept = 5;

/** A document whose first edits are folded, and clients that had it before its last edits. */
function store(harness: SyncHarness): { readonly writer: Typist; readonly old: () => Typist } {
  const writer = new Typist();
  const first = writer.work(60);
  const had = writer.work(30);
  harness.log.store('doc', [...had, ...writer.work(10)], storedSnapshot(first, 60));
  return { writer, old: () => new Typist().hear(...first, ...had) };
}

/** The answer to a client's SyncStep1, as it was written. */
async function answerTo(harness: SyncHarness, { doc }: Typist, whole: Typist): Promise<Uint8Array> {
  const editor = await joined(harness, doc);
  assertSame(editor, whole);
  return editor.client.connection.writes.at(-1)!;
}

test('clients that reconnect with the same part of the document are sent the same buffer', async (t) => {
  const harness = new SyncHarness(t);
  const { writer, old } = store(harness);
  const answer = await answerTo(harness, old(), writer);
  assert.equal(await answerTo(harness, old(), writer), answer);
  assert.notEqual(await answerTo(harness, new Typist().hear(...writer.updates.slice(0, 70)), writer), answer);
});

test('I4: the answer to clients that reconnect holds what was committed meanwhile, even if only a deletion', async (t) => {
  const harness = new SyncHarness(t);
  const { writer, old } = store(harness);
  await answerTo(harness, old(), writer);
  const author = await harness.synced({ userId: 'author' });
  for (const change of [() => writer.type('a'), () => writer.type('b'), () => writer.delete(3, 2)]) {
    author.edit(change());
    harness.log.commit('doc');
    await answerTo(harness, old(), writer);
  }
});

test('deletions that garbage collection has added are in the answer', async (t) => {
  const harness = new SyncHarness(t);
  const { writer, old } = store(harness);
  await answerTo(harness, old(), writer);
  writer.delete(1, 4);
  harness.log.compact('doc', storedSnapshot(writer.updates, 100));
  await answerTo(harness, old(), writer);
});

test('I7: a kept answer counts as memory of its room, and is dropped when no client asks for it any more', async (t) => {
  const harness = new SyncHarness(t);
  const { writer, old } = store(harness);
  const reader = await harness.synced();
  const room = await harness.rooms.get('doc');
  const before = room.memoryBytes;
  const answer = await answerTo(harness, old(), writer);
  assert.ok(room.memoryBytes >= before + answer.length);
  for (let sweep = 1; sweep < sweepsKept; sweep++) harness.sweepAfter(1_000);
  assert.equal(await answerTo(harness, old(), writer), answer);
  for (let sweep = 0; sweep < sweepsKept; sweep++) harness.sweepAfter(1_000);
  assert.equal(room.joinCache.bytes, 0);
  assert.notEqual(await answerTo(harness, old(), writer), answer);
  reader.vanish();
});

test('I7: a large answer is not kept', async (t) => {
  const harness = new SyncHarness(t);
  const { writer, old } = store(harness);
  const author = await harness.synced({ userId: 'author' });
  author.edit(writer.type('x'.repeat(300_000)));
  harness.log.commit('doc');
  const { joinCache } = await harness.rooms.get('doc');
  const before = joinCache.bytes;
  const answer = await answerTo(harness, old(), writer);
  assert.ok(answer.length > 300_000);
  assert.equal(joinCache.bytes, before);
});

test('an answer in several messages is not kept, because the last message is not all of it', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const first = writer.type('before');
  harness.log.store('doc', [first, writer.type('x'.repeat(600_000)), writer.type('after')]);
  for (let times = 0; times < 2; times++) {
    const editor = await joined(harness, new Typist().hear(first).doc);
    assertSame(editor, writer);
    assert.equal(editor.client.connection.framesOf('update').length, 1);
  }
});
