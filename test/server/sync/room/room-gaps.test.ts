import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { RoomFixture } from '../../../support/room-fixture.ts';
import type { FakePeer } from '../../../support/room-fixture.ts';
import { joined } from '../../../support/joining.ts';
import { passiveDoc } from '../../../support/passive-doc.ts';
import { formattingEdits, RandomEditors } from '../../../support/random-edits.ts';
import { randomOf } from '../../../support/random.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import { struct, updateOf } from '../../../support/update-bytes.ts';
import { deliveries } from './knowledge-model.ts';

/** Bob's word comes after three letters of Ada, and Ada has also written something later: both wait. */
const waiting = updateOf([
  { client: 2, clock: 0, structs: [struct.textAfter(1, 2, 'bob')] },
  { client: 1, clock: 9, structs: [struct.text('later')] },
]);
/** The letters that Bob's word waits for, one by one. Ada's later word needs more. */
const missing = [struct.text('a'), struct.textAfter(1, 0, 'd'), struct.textAfter(1, 1, 'a')].map((letter, clock) =>
  updateOf([{ client: 1, clock, structs: [letter] }]),
);

test('I4: edits that wait reach all clients when nothing is missing, even if their Yjs does not notice', async (t) => {
  // Yjs remembers that Ada's ninth clock is missing, but forgets that Bob's word needs only the third.
  assert.equal(
    passiveDoc([waiting, ...missing])
      .getText('text')
      .toJSON(),
    'ada',
  );
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  for (const update of [waiting, ...missing]) commit(fixture, update);
  const doc = passiveDoc(peer.updates);
  assert.equal(doc.getText('text').toJSON(), 'adabob');
  assert.deepEqual(vectorOf(doc), new Map(fixture.room.durable.stateVector));
  assert.equal(fixture.submit(waiting), 'known-waiting', 'the later word still waits');
});

test('I4: a client that joins gets edits that waited with the edits they waited for, from a tail of many segments', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist(3);
  // More than are read in one turn: the waiting and the missing edits are in different messages.
  const others = Array.from({ length: 1_200 }, () => typist.type('x'));
  harness.log.store('doc', [waiting, ...others, ...missing]);
  const editor = await joined(harness, passiveDoc());
  assert.ok(editor.texts.length > 2, 'several messages');
  assert.equal(editor.doc.getText('text').toJSON(), 'adabob');
});

test('I4: a peer always has what is on disk, in any order of the updates and with any of them waiting', async (t) => {
  const random = randomOf(t);
  for (let document = 0; document < 60; document++) {
    const kinds = random.below(2) === 0 ? formattingEdits : undefined;
    const { updates } = new RandomEditors(random, 2 + random.below(4), kinds).edit(60);
    const fixture = await RoomFixture.load(t);
    const peer = fixture.join();
    const doc = passiveDoc();
    // In the end every edit arrives, each by itself.
    for (const update of [...deliveries(random, updates), ...updates]) {
      commit(fixture, update);
      hear(doc, peer);
      assert.deepEqual(vectorOf(doc), new Map(fixture.room.durable.stateVector));
    }
    for (const update of updates) assert.equal(fixture.submit(update), 'known');
    assert.deepEqual([doc.store.pendingStructs, doc.store.pendingDs], [null, null]);
    t.mock.timers.reset();
  }
});

/** Submits an update as a SyncStep2, so that it is accepted with gaps, and sends it to all peers. */
function commit(fixture: RoomFixture, update: Uint8Array): void {
  fixture.submit(update, true);
  fixture.commit();
  fixture.passMs();
}

function hear(doc: Y.Doc, peer: FakePeer): void {
  for (const { update } of peer.broadcasts.splice(0)) if (update !== null) Y.applyUpdate(doc, update);
}

function vectorOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc));
}
