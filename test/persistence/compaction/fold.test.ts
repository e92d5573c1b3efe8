import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import type { CompactionInput, CompactionOutput } from '../../../persistence/compaction/compaction.ts';
import { fold } from '../../../persistence/compaction/fold.ts';
import { CompactionError } from '../../../persistence/errors.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { noScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import { huntThroughCompaction } from '../../support/compaction-hunt.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { contentOf, entriesOf, foldInBatches, snapshotOf } from '../../support/folding.ts';
import { nestedTypes } from '../../support/nested-types.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf, shuffled } from '../../support/random.ts';
import { assertTook } from '../../support/slowness.ts';
import { TextWriter } from '../../support/text-writer.ts';
import { concurrentUpdates, linearUpdates } from '../../support/trace-updates.ts';
import { loadAutomergePaper, loadFriendsForever } from '../../support/traces.ts';
import { repetitions } from '../../support/repetitions.ts';

function assertSameAs(expected: Y.Doc, output: CompactionOutput): void {
  const loaded = passiveDoc(snapshotOf(output));
  assert.deepEqual(contentOf(loaded), contentOf(expected));
  assert.deepEqual(Y.encodeStateAsUpdate(loaded), Y.encodeStateAsUpdate(expected), 'byte for byte');
  assert.deepEqual(output.stateVector, Y.encodeStateVector(expected));
}

function foldOnce(updates: readonly Uint8Array[], snapshot: CompactionInput['snapshot'] = []): CompactionOutput {
  return fold({ snapshot, entries: entriesOf(updates) });
}

function deletesOf(updates: readonly Uint8Array[]): RangeSet {
  const deletes = new RangeSet();
  for (const update of updates) deletes.addAll(scanUpdate(update).deletes);
  return deletes;
}

function madeBy(doc: Y.Doc, edit: () => void): Uint8Array {
  const updates: Uint8Array[] = [];
  const record = (update: Uint8Array): void => void updates.push(update);
  doc.on('update', record);
  doc.transact(edit);
  doc.off('update', record);
  const [update] = updates;
  assert.ok(update);
  return update;
}

/** Three edits, each of which builds on the previous one. */
function threeWords(client: number): [Uint8Array, Uint8Array, Uint8Array] {
  const writer = new TextWriter(client);
  return [writer.type('One'), writer.type(' two'), writer.type(' three')];
}

describe('A folded document', () => {
  test('equals a Y.Doc with the same real edits, folded each time the tail outgrows the snapshot (I4)', () => {
    const trace = loadAutomergePaper();
    const updates = linearUpdates({ ...trace, txns: trace.txns.slice(0, repetitions(40_000, Infinity)) }, 77);
    const output = foldInBatches(updates, (last) => Math.max(4_000, Math.ceil((last?.parts[0]?.bytes ?? 0) / 15)));
    const expected = passiveDoc(updates);
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').toJSON(), expected.getText('text').toJSON());
    const written = output.parts.reduce((bytes, part) => bytes + part.bytes, 0);
    const byYjs = Y.encodeStateAsUpdate(expected).length;
    assert.ok(written <= 1.05 * byYjs, `${written} bytes, Yjs itself writes ${byYjs}`);
  });

  test('equals a Y.Doc with the edits of two people who write at the same time (I4)', (t) => {
    const random = randomOf(t);
    const trace = loadFriendsForever();
    const output = foldInBatches(concurrentUpdates(trace), () => 1 + random.below(900));
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').toJSON(), trace.endContent);
    assert.equal(output.pending, null);
  });

  test('equals a Y.Doc with random edits of every kind, folded in batches of any size (I4)', (t) => {
    const random = randomOf(t);
    for (let round = 0; round < repetitions(5, 20); round++) {
      const editors = new RandomEditors(random);
      editors.edit(200);
      const output = foldInBatches(editors.updates, () => 1 + random.below(90));
      assertSameAs(passiveDoc(editors.updates), output);
      assert.equal(output.pending, null);
    }
  });

  test('describes its bytes correctly', (t) => {
    const editors = new RandomEditors(randomOf(t));
    editors.edit(300);
    const { parts, deleteSet, stateVector } = foldOnce(editors.updates);
    const [part] = parts;
    assert.ok(part && parts.length === 1);
    const facts = scanUpdate(part.data);
    assert.equal(part.bytes, part.data.length);
    assert.deepEqual(part.intervals, facts.intervals);
    assert.deepEqual(stateVector, Y.encodeStateVectorFromUpdate(part.data));
    assert.deepEqual(RangeSet.decodeDeleteSet(deleteSet), RangeSet.from(facts.deletes));
  });

  test('can be empty', () => {
    const { parts, pending, stateVector, deleteSet } = foldOnce([]);
    assert.deepEqual(
      parts.map((part) => part.data),
      [Uint8Array.of(0, 0)],
    );
    assert.deepEqual([pending, stateVector, deleteSet], [null, Uint8Array.of(0), Uint8Array.of(0)]);
  });

  test('reports the deletions that garbage collection adds', () => {
    const anna = passiveDoc();
    const shared = anna.getMap<Y.Map<unknown>>('map');
    const created = madeBy(anna, () => shared.set('card', new Y.Map()));
    const ben = passiveDoc([created]);
    const written = madeBy(ben, () => ben.getMap<Y.Map<unknown>>('map').get('card')?.set('title', 'Lost'));
    const deleted = madeBy(anna, () => shared.delete('card'));
    const output = foldOnce([created, written, deleted]);
    const deletes = RangeSet.decodeDeleteSet(output.deleteSet);
    assert.ok(deletes.contains(ben.clientID, 0, 1), 'what Ben wrote into the deleted map');
    assert.ok(!deletesOf([created, written, deleted]).contains(ben.clientID, 0, 1));
  });
});

describe('An edit that waits for a missing edit', () => {
  test('is carried through compactions, and integrates when the missing edit arrives', () => {
    const [one, two, three] = threeWords(7);
    let output = foldOnce([one, three]);
    for (let i = 0; i < 3; i++) output = foldOnce([new TextWriter(100 + i).type('Other')], snapshotOf(output));
    assert.deepEqual(
      Y.decodeStateVector(output.stateVector).get(7),
      3,
      'the state vector does not cover pending structs',
    );
    assert.deepEqual(scanUpdate(output.pending as Uint8Array).intervals, [7, 7, 13]);
    output = foldOnce([two], snapshotOf(output));
    assert.equal(output.pending, null);
    assert.match(passiveDoc(snapshotOf(output)).getText('text').toJSON(), /One two three/);
  });

  test('can be a deletion, of missing structs and of structs that wait', () => {
    const [one, two, three] = threeWords(7);
    const erased = new TextWriter(7).erase(1, 10);
    let output = foldOnce([one, three, erased]);
    output = foldOnce([], snapshotOf(output));
    assert.deepEqual(scanUpdate(output.pending as Uint8Array).deletes, [7, 3, 11]);
    output = foldOnce([two], snapshotOf(output));
    assert.equal(output.pending, null);
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').toJSON(), 'Oee');
  });

  test('is kept completely for any missing edits: when they arrive, every random document is complete (I4)', (t) => {
    const random = randomOf(t);
    for (let round = 0; round < repetitions(4, 15); round++) {
      const editors = new RandomEditors(random);
      editors.edit(120);
      const isLate = editors.updates.map(() => random.below(10) === 0);
      const onTime = editors.updates.filter((_, index) => !isLate[index]);
      const late = editors.updates.filter((_, index) => isLate[index]);
      const output = foldInBatches([...onTime, ...shuffled(late, random)], () => 1 + random.below(50));
      assert.equal(output.pending, null);
      assertSameAs(passiveDoc(editors.updates), output);
    }
  });

  test('is not held up by a forged struct that the true one has replaced', () => {
    const [one, two, three] = threeWords(7);
    // As if client 7 had written "!" after "One", before a struct of a client that does not exist.
    const forged = Uint8Array.of(1, 1, 7, 3, 0xc4, 7, 2, 99, 0, 1, 33, 0);
    const output = foldOnce([one, forged, three, two]);
    assert.equal(output.pending, null);
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').toJSON(), 'One two three');
  });

  test('takes little time in a fold: 2,000 updates of 2 KB', (t) => {
    const first = new TextWriter(1).type('x');
    const base = passiveDoc([first]);
    const waiting = Array.from({ length: 2_000 }, (_, index) => {
      const doc = new Y.Doc();
      doc.clientID = 10 + index;
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(base));
      return madeBy(doc, () => doc.getText('text').insert(1, 'y'.repeat(2_000)));
    });
    let output = foldOnce([]);
    const tookMs = cpuTimeMs(() => {
      output = foldOnce(waiting);
    }, Infinity);
    t.diagnostic(`${Math.round(tookMs)} ms of CPU`);
    // Yjs alone takes more than ten seconds for this.
    assertTook(tookMs, 4_000, 'folding took');
    assert.equal(scanUpdate(output.pending as Uint8Array).structCount, 2_000);
    output = foldOnce([first], snapshotOf(output));
    assert.equal(output.pending, null);
  });
});

describe('Poison', () => {
  test('is found among 1,000 entries, set aside and reported, and the rest is folded', () => {
    // Deleting 20,000 nested types takes more stack than this thread has, so Yjs cannot load the document.
    const { created, deleted } = nestedTypes(5, 20_000);
    const words = Array.from({ length: 998 }, (_, index) => new TextWriter(1_000 + index).type('word '));
    const updates = [created, ...words.slice(0, 700), deleted, ...words.slice(700)];
    const output = foldOnce(updates);
    assert.deepEqual(output.setAside, [702]);
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').length, 998 * 5);
    assert.deepEqual(foldOnce([], snapshotOf(output)).setAside, []);
  });

  test('that waits for an honest edit does not cause that edit to be set aside', () => {
    const { created, deleted } = nestedTypes(5, 20_000);
    const honest = new TextWriter(9).type('honest');
    // A deletion of content that is still missing waits, and takes effect when the content arrives.
    const output = foldOnce([deleted, honest, created]);
    assert.deepEqual(output.setAside, [1]);
  });

  test('in mutants that the scan accepts never makes folding throw: it is folded or set aside (I6)', (t) => {
    const { mutants, setAside } = huntThroughCompaction(randomOf(t), repetitions(40, 200));
    t.diagnostic(`${mutants} accepted mutants, ${setAside} entries set aside`);
    assert.ok(mutants > 200);
  });

  test('in a pending update is set aside when the missing edit arrives, and the other pending updates are kept', () => {
    const { created, deleted } = nestedTypes(5, 20_000);
    const writer = new TextWriter(9);
    const [first, second] = [writer.type('honest '), writer.type('words')];
    const deletesFirst = writer.erase(0, 1);
    const other = new TextWriter(7);
    other.type('never comes');
    const later = other.type('waits on');
    const waiting = foldOnce([second, deleted, deletesFirst, later]);
    const output = foldOnce([created, first], snapshotOf(waiting));
    assert.deepEqual(output.setAside, []);
    assert.deepEqual(output.waitingSetAside, deleted);
    assert.deepEqual(scanUpdate(output.pending as Uint8Array).intervals, scanUpdate(later).intervals);
    assert.equal(passiveDoc(snapshotOf(output)).getText('text').toJSON(), 'onest words');
    const again = foldOnce([new TextWriter(11).type('on it goes')], snapshotOf(output));
    assert.equal(again.waitingSetAside, null);
  });

  test('among thousands of pending pieces sets all of them aside, because a search would take minutes', (t) => {
    const { created, deleted } = nestedTypes(5, 20_000);
    const others = Array.from({ length: 2_000 }, (_, index) => {
      const writer = new TextWriter(1_000 + index);
      writer.type('never comes');
      return writer.type('x');
    });
    const waiting = foldOnce([...others, deleted]);
    let output = waiting;
    const tookMs = cpuTimeMs(() => {
      output = foldOnce([created], snapshotOf(waiting));
    }, Infinity);
    t.diagnostic(`${Math.round(tookMs)} ms of CPU`);
    assertTook(tookMs, 4_000, 'folding took');
    assert.deepEqual(output.waitingSetAside, waiting.pending);
    assert.equal(output.pending, null);
  });

  test('in the snapshot itself fails the compaction', () => {
    const cut = Uint8Array.of(1, 1, 7, 0, 4, 1);
    assert.throws(() => foldOnce([new TextWriter(1).type('a')], [cut]), failsWith('COMPACTION_SNAPSHOT_BAD'));
  });

  test('that contradicts itself loses nothing: structs that wait for each other are kept', () => {
    // (1, 0) comes after (2, 1), which comes after (1, 1), which comes after (1, 0).
    const circle = [Uint8Array.of(1, 1, 1, 0, 0x84, 2, 1, 1, 97, 0), Uint8Array.of(1, 1, 2, 1, 0x84, 1, 1, 1, 98, 0)];
    let output = foldOnce([...circle, Uint8Array.of(1, 1, 1, 1, 0x84, 1, 0, 1, 99, 0)]);
    for (let i = 0; i < 2; i++) output = foldOnce([], snapshotOf(output));
    assert.deepEqual(output.setAside, []);
    assert.deepEqual(scanUpdate(output.pending as Uint8Array, noScanLimits).intervals, [2, 1, 2, 1, 0, 2]);
  });
});

function failsWith(code: CompactionError['code']): (error: unknown) => boolean {
  return (error) => error instanceof CompactionError && error.code === code;
}

describe('Deleted content', () => {
  test('is collected in every fold unless it is kept, and keeping it changes no byte of other documents', () => {
    const { updates, version } = editedVersion();
    const usual = fold({ snapshot: [], entries: entriesOf(updates) });
    assert.deepEqual(fold({ snapshot: [], entries: entriesOf(updates), keepDeleted: false }), usual);
    assert.ok(usual.parts[0]!.bytes < 200);
    const doc = new Y.Doc({ gc: false });
    Y.applyUpdate(doc, usual.parts[0]!.data);
    assert.notEqual(Y.createDocFromSnapshot(doc, version).getText('text').toJSON(), 'a'.repeat(500));
  });

  test('can be restored from a version after several folds if it is kept, even if it was deleted after a fold', () => {
    const { updates, version } = editedVersion();
    for (const first of updates.keys()) {
      const base = fold({ snapshot: [], entries: entriesOf(updates.slice(0, first)), keepDeleted: true });
      const entries = entriesOf(updates.slice(first), first + 1);
      const folded = fold({ snapshot: snapshotOf(base), entries, keepDeleted: true });
      const again = fold({ snapshot: snapshotOf(folded), entries: [], keepDeleted: true });
      assert.deepEqual(again.parts, folded.parts);
      const doc = new Y.Doc({ gc: false });
      for (const { data } of folded.parts) Y.applyUpdate(doc, data);
      assert.equal(Y.createDocFromSnapshot(doc, version).getText('text').toJSON(), 'a'.repeat(500));
      assert.deepEqual([folded.setAside, folded.pending], [[], null]);
    }
  });
});

/** Updates of an editor with `gc: false`, and a version from before most of its text was deleted. */
function editedVersion(): { updates: readonly Uint8Array[]; version: Y.Snapshot } {
  const doc = new Y.Doc({ gc: false });
  const updates: Uint8Array[] = [];
  doc.on('update', (update) => updates.push(update));
  doc.getText('text').insert(0, 'a'.repeat(500));
  const version = Y.snapshot(doc);
  doc.getText('text').delete(20, 400);
  doc.getMap('map').set('key', 'replaced');
  doc.getMap('map').set('key', 'by this');
  return { updates, version };
}
