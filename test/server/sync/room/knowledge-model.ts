import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { RangeSet } from '../../../../persistence/update/ranges.ts';
import { trimDeletes } from '../../../../persistence/update/merge.ts';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { covers } from '../../../../persistence/update/state-vector.ts';
import { Knowledge } from '../../../../server/sync/room/knowledge.ts';
import type { Verdict } from '../../../../server/sync/room/knowledge.ts';
import { passiveDoc } from '../../../support/passive-doc.ts';
import { RandomEditors } from '../../../support/random-edits.ts';
import type { Random } from '../../../support/random.ts';

/**
 * Gives random updates to a Knowledge and to a Y.Doc, and asserts after each update that they agree about what has
 * integrated, what waits and what is new. Returns how often each verdict was met.
 */
export function compareWithYjs(random: Random, documents: number): Record<Verdict, number> {
  const verdicts = { duplicate: 0, gap: 0, new: 0 };
  for (let i = 0; i < documents; i++) {
    const editors = new RandomEditors(random, 2 + random.below(4));
    editors.edit(60);
    let doc = passiveDoc();
    const room = passiveDoc();
    const knowledge = Knowledge.empty();
    // In the end everything arrives, as it does when clients send a SyncStep2.
    for (const update of [...deliveries(random, editors.updates), Y.mergeUpdates(editors.updates)]) {
      const facts = scanUpdate(update);
      const verdict = knowledge.judge(facts);
      verdicts[verdict]++;
      const waitedBefore = knowledge.waitingBytes > 0;
      const before = Y.encodeStateAsUpdate(doc);
      const stored = trimDeletes(update, facts, knowledge.newDeletes(facts));
      knowledge.add(facts, stored);
      Y.applyUpdate(doc, update);
      doc = settled(doc);
      if (verdict !== 'duplicate') Y.applyUpdate(room, stored);

      sameVector(knowledge, doc);
      const waits = knowledge.waitingBytes > 0;
      assert.equal(waits, doc.store.pendingStructs !== null || doc.store.pendingDs !== null);
      const after = Y.encodeStateAsUpdate(doc);
      if (verdict === 'duplicate') sameState(after, before);
      // If structs waited before, the update may hold what they waited for.
      if (verdict === 'gap' && !waitedBefore) assert.ok(waits && !knowledge.integrates(facts));
      if (verdict === 'new') {
        assert.ok(waitedBefore || !waits);
        assert.ok(
          facts.intervals.every(
            (end, at) => at % 3 !== 2 || end <= (knowledge.stateVector.get(facts.intervals[at - 2] ?? 0) ?? 0),
          ),
        );
      }
      assert.equal(knowledge.judge(facts), 'duplicate');
      assert.deepEqual(knowledge.newDeletes(facts), []);
      // Garbage collection deletes more than the updates say.
      assert.ok(deletesOf(after).covers(RangeSet.decodeDeleteSet(knowledge.encodeDeleteSet())));
    }
    assert.equal(knowledge.waitingBytes, 0);
    // The updates that a room stores, without duplicates and known deletions, make the whole document.
    assert.deepEqual(contentOf(room), contentOf(doc));
    assert.deepEqual(Y.encodeStateVector(room), Y.encodeStateVector(doc));
    assert.ok(deletesOf(Y.encodeStateAsUpdate(room)).equals(deletesOf(Y.encodeStateAsUpdate(doc))));
  }
  return verdicts;
}

/** Updates that a server might receive, in random order: some twice, in parts, overlapping, or never. */
export function deliveries(random: Random, singles: readonly Uint8Array[]): Uint8Array[] {
  const piece = (): Uint8Array => {
    const from = random.below(singles.length);
    const some = singles.slice(from, from + 1 + random.below(12)).filter(() => random.below(4) > 0);
    return Y.mergeUpdates(some);
  };
  const kinds = [
    () => random.pick(singles),
    () => random.pick(singles),
    piece,
    // Partial overlaps.
    () => Y.diffUpdate(stateAfter(singles.slice(0, 1 + random.below(singles.length))), randomVector(random, singles)),
    // Deletions alone.
    () => trimStructs(piece()),
    () => Y.mergeUpdates(singles.slice(0, random.below(singles.length) + 1)),
  ];
  const result: Uint8Array[] = [];
  for (let i = 0; i < singles.length; i++)
    result.push(random.below(3) > 0 ? (singles[i] as Uint8Array) : random.pick(kinds)());
  // Mostly in order, so that most structs integrate and some wait.
  for (let i = 0; i < result.length; i++) {
    const other = Math.min(result.length - 1, i + random.below(random.pick([1, 3, 20])));
    [result[i], result[other]] = [result[other] as Uint8Array, result[i] as Uint8Array];
  }
  return result;
}

/**
 * A state vector that cuts between edits, but inside structs that Yjs has joined. It never cuts inside a surrogate
 * pair, which Yjs would break.
 */
function randomVector(random: Random, singles: readonly Uint8Array[]): Uint8Array {
  const vector = new Map<number, number>();
  for (const update of singles) {
    const { intervals } = scanUpdate(update);
    for (let i = 0; i < intervals.length; i += 3) {
      if (random.below(3) === 0) vector.set(intervals[i] ?? 0, intervals[i + 2] ?? 0);
    }
  }
  return Y.encodeStateVector(vector);
}

/** The whole state of a client that has received these updates. */
function stateAfter(singles: readonly Uint8Array[]): Uint8Array {
  const doc = new Y.Doc({ gc: false });
  for (const update of singles) Y.applyUpdate(doc, update);
  return Y.encodeStateAsUpdate(doc);
}

function trimStructs(update: Uint8Array): Uint8Array {
  const deleteSet = update.subarray(scanUpdate(update).deleteSetOffset);
  return Uint8Array.of(0, ...deleteSet);
}

function sameVector(knowledge: Knowledge, doc: Y.Doc): void {
  assert.deepEqual(new Map(knowledge.stateVector), Y.decodeStateVector(Y.encodeStateVector(doc)));
  assert.deepEqual([...knowledge.encodeStateVector()], [...Y.encodeStateVector(new Map(knowledge.stateVector))]);
}

/**
 * Yjs does not always notice that pending structs can integrate: it remembers one missing clock for each client, and
 * that of a later struct can hide an earlier one. A document that is loaded again has integrated everything that it
 * can.
 */
function settled(doc: Y.Doc): Y.Doc {
  if (doc.store.pendingStructs === null) return doc;
  const fresh = passiveDoc([Y.encodeStateAsUpdate(doc)]);
  const before = Y.decodeStateVector(Y.encodeStateVector(doc));
  assert.ok(covers(Y.decodeStateVector(Y.encodeStateVector(fresh)), before));
  return fresh;
}

function withoutBigInt(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function contentOf(doc: Y.Doc): unknown {
  const content = {
    text: doc.getText('text').toDelta() as unknown,
    map: doc.getMap('map').toJSON(),
    array: doc.getArray('array').toJSON(),
    xml: doc.getXmlFragment('xml').toJSON(),
  };
  // Subdocuments are objects with differing internals. As JSON they are their content.
  return JSON.parse(JSON.stringify(content, withoutBigInt));
}

/**
 * Asserts that two updates hold and delete the same clocks. The bytes may differ: of two equal pending strings Yjs
 * keeps either one, cut at different places.
 */
function sameState(update: Uint8Array, other: Uint8Array): void {
  const { intervals, deletes } = scanUpdate(update);
  assert.deepEqual(
    { intervals, deletes },
    { intervals: scanUpdate(other).intervals, deletes: scanUpdate(other).deletes },
  );
}

function deletesOf(update: Uint8Array): RangeSet {
  return RangeSet.from(scanUpdate(update).deletes);
}
