import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { trimDeletes } from '../../../persistence/update/merge.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { Knowledge } from '../../../server/sync/knowledge.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf, type Random } from '../../support/random.ts';
import { struct, updateOf, type ClientStructs } from '../../support/update-bytes.ts';

const documents = Number(process.env['DOCUMENTS'] ?? 15);

/** What a server might get of a document, in any order: some of it twice, in parts, overlapping, or never. */
function deliveries(random: Random, singles: readonly Uint8Array[]): Uint8Array[] {
  const piece = (): Uint8Array => {
    const from = random.below(singles.length);
    const some = singles.slice(from, from + 1 + random.below(12)).filter(() => random.below(4) > 0);
    return Y.mergeUpdates(some);
  };
  const kinds = [
    () => random.pick(singles),
    () => random.pick(singles),
    piece,
    // Cut inside structs: partial overlaps.
    () => Y.diffUpdate(piece(), randomVector(random, singles)),
    // Deletions alone.
    () => trimStructs(piece()),
    () => Y.mergeUpdates(singles.slice(0, random.below(singles.length) + 1)),
  ];
  const result: Uint8Array[] = [];
  for (let i = 0; i < singles.length; i++)
    result.push(random.below(3) > 0 ? (singles[i] as Uint8Array) : random.pick(kinds)());
  // Mostly in order, so that much integrates and something waits.
  for (let i = 0; i < result.length; i++) {
    const other = Math.min(result.length - 1, i + random.below(random.pick([1, 3, 20])));
    [result[i], result[other]] = [result[other] as Uint8Array, result[i] as Uint8Array];
  }
  return result;
}

function randomVector(random: Random, singles: readonly Uint8Array[]): Uint8Array {
  const ends = new Map<number, number>();
  for (const update of singles) {
    const { intervals } = scanUpdate(update);
    for (let i = 0; i < intervals.length; i += 3) ends.set(intervals[i] ?? 0, intervals[i + 2] ?? 0);
  }
  return Y.encodeStateVector(new Map([...ends].map(([client, end]) => [client, random.below(end + 1)])));
}

function trimStructs(update: Uint8Array): Uint8Array {
  const deleteSet = update.subarray(scanUpdate(update).deleteSetOffset);
  return Uint8Array.of(0, ...deleteSet);
}

function sameVector(knowledge: Knowledge, doc: Y.Doc): void {
  assert.deepEqual(new Map(knowledge.stateVector), Y.decodeStateVector(Y.encodeStateVector(doc)));
  assert.deepEqual([...knowledge.encodeStateVector()], [...Y.encodeStateVector(new Map(knowledge.stateVector))]);
}

/** All content as text; of subdocuments the guid. */
function contentOf(doc: Y.Doc): string {
  const content = {
    text: doc.getText('text').toDelta() as unknown,
    map: doc.getMap('map').toJSON(),
    array: doc.getArray('array').toJSON(),
    xml: doc.getXmlFragment('xml').toJSON(),
  };
  return JSON.stringify(content, (_, value: unknown) => {
    if (value instanceof Y.Doc) return value.guid;
    return typeof value === 'bigint' ? String(value) : value;
  });
}

function deletesOf(update: Uint8Array): RangeSet {
  return RangeSet.from(scanUpdate(update).deletes);
}

function updateBy(...clients: readonly ClientStructs[]): [ReturnType<typeof scanUpdate>, Uint8Array] {
  const update = updateOf(clients);
  return [scanUpdate(update), update];
}

suite('Knowledge', () => {
  test('knows after every update just what a Y.Doc has integrated and keeps pending', (t) => {
    const random = randomOf(t);
    const verdicts = { duplicate: 0, gap: 0, new: 0 };
    for (let i = 0; i < documents; i++) {
      const editors = new RandomEditors(random, 2 + random.below(4));
      editors.edit(60);
      const doc = new Y.Doc();
      const room = new Y.Doc();
      const knowledge = Knowledge.empty();
      // At last all comes, as it does when clients answer.
      for (const update of [...deliveries(random, editors.updates), Y.mergeUpdates(editors.updates)]) {
        const facts = scanUpdate(update);
        const verdict = knowledge.judge(facts);
        verdicts[verdict]++;
        const gapBefore = knowledge.hasGap;
        const before = Y.encodeStateAsUpdate(doc);
        const stored = trimDeletes(update, facts, knowledge.newDeletes(facts));
        knowledge.add(facts, stored);
        Y.applyUpdate(doc, update);
        if (verdict !== 'duplicate') Y.applyUpdate(room, stored);

        sameVector(knowledge, doc);
        assert.equal(knowledge.hasGap, doc.store.pendingStructs !== null || doc.store.pendingDs !== null);
        assert.equal(knowledge.waitingBytes > 0, doc.store.pendingStructs !== null);
        const after = Y.encodeStateAsUpdate(doc);
        if (verdict === 'duplicate') assert.deepEqual(after, before);
        // Where something waited before, the update may be just what was missing.
        if (verdict === 'gap' && !gapBefore) assert.ok(knowledge.hasGap && !knowledge.integrates(facts));
        if (verdict === 'new') {
          assert.ok(gapBefore || !knowledge.hasGap);
          assert.ok(
            facts.intervals.every(
              (end, at) => at % 3 !== 2 || end <= (knowledge.stateVector.get(facts.intervals[at - 2] ?? 0) ?? 0),
            ),
          );
        }
        assert.equal(knowledge.judge(facts), 'duplicate');
        assert.deepEqual(knowledge.newDeletes(facts), []);
        // Garbage collection deletes more than it was told.
        assert.ok(deletesOf(after).covers(RangeSet.decodeDeleteSet(knowledge.encodeDeleteSet())));
      }
      assert.equal(knowledge.hasGap, false);
      assert.equal(knowledge.waitingBytes, 0);
      assert.equal(knowledge.waitingCount, 0);
      // What a room takes on, without duplicates and known deletions, is the whole document.
      assert.equal(contentOf(room), contentOf(doc));
      assert.deepEqual(Y.encodeStateVector(room), Y.encodeStateVector(doc));
      assert.ok(deletesOf(Y.encodeStateAsUpdate(room)).equals(deletesOf(Y.encodeStateAsUpdate(doc))));
    }
    t.diagnostic(JSON.stringify(verdicts));
    for (const count of Object.values(verdicts)) assert.ok(count > 100, 'each verdict was met');
  });

  test('is the same after a restart from its own state vector and delete set, once what waits is added', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 20; i++) {
      const editors = new RandomEditors(random);
      editors.edit(60);
      const doc = new Y.Doc();
      for (const update of deliveries(random, editors.updates)) Y.applyUpdate(doc, update);
      const state = Y.encodeStateAsUpdate(doc);
      const whole = Knowledge.empty();
      whole.add(scanUpdate(state), state);
      const restored = Knowledge.from(whole.encodeStateVector(), whole.encodeDeleteSet());
      restored.add(scanUpdate(state), state);
      assert.deepEqual(restored.encodeStateVector(), whole.encodeStateVector());
      assert.deepEqual(restored.encodeDeleteSet(), whole.encodeDeleteSet());
      assert.equal(restored.hasGap, whole.hasGap);
      assert.equal(restored.waitingCount, whole.waitingCount);
    }
  });

  test('counts what waits as known, though not as integrated', () => {
    const knowledge = Knowledge.empty();
    const [facts, update] = updateBy({ client: 1, clock: 2, structs: [struct.text('cd')] });
    assert.equal(knowledge.judge(facts), 'gap');
    knowledge.add(facts, update);
    assert.equal(knowledge.judge(facts), 'duplicate');
    assert.equal(knowledge.integrates(facts), false);
    assert.equal(knowledge.covers(new Map([[1, 1]])), false);
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('ab')] }));
    assert.equal(knowledge.integrates(facts), true);
    assert.equal(knowledge.covers(new Map([[1, 4]])), true);
    assert.equal(knowledge.covers(new Map([[2, 1]])), false);
  });

  test('does not take the hole of a Skip for known: the missing edit is new when it comes', () => {
    const knowledge = Knowledge.empty();
    const text = struct.text('x');
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [text, struct.skip(1), text] }));
    assert.deepEqual(Y.decodeStateVector(knowledge.encodeStateVector()), new Map([[1, 1]]));
    const [facts, update] = updateBy({ client: 1, clock: 1, structs: [text] });
    assert.equal(knowledge.judge(facts), 'new');
    knowledge.add(facts, update);
    assert.deepEqual(Y.decodeStateVector(knowledge.encodeStateVector()), new Map([[1, 3]]));
  });

  test('sees a gap in an update whose own clock fits but whose origin is unknown', () => {
    const knowledge = Knowledge.empty();
    const [facts, update] = updateBy({ client: 2, clock: 0, structs: [struct.textAfter(1, 0, 'b')] });
    assert.equal(knowledge.judge(facts), 'gap');
    knowledge.add(facts, update);
    assert.equal(knowledge.covers(new Map([[2, 1]])), false);
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('a')] }));
    assert.equal(knowledge.covers(new Map([[2, 1]])), true);
    assert.equal(knowledge.hasGap, false);
  });

  test('sees a gap in a deletion of what is unknown, and closes it when that comes', () => {
    const knowledge = Knowledge.empty();
    const update = updateOf([], [1, 0, 1]);
    assert.equal(knowledge.judge(scanUpdate(update)), 'gap');
    knowledge.add(scanUpdate(update), update);
    assert.ok(knowledge.hasGap);
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('a')] }));
    assert.equal(knowledge.hasGap, false);
  });

  test('lets an update delete what it brings itself', () => {
    const update = updateOf([{ client: 1, clock: 0, structs: [struct.text('abc')] }], [1, 1, 2]);
    assert.equal(Knowledge.empty().judge(scanUpdate(update)), 'new');
  });

  test('adopts what garbage collection has deleted, so that it is not new when it comes', () => {
    const knowledge = Knowledge.empty();
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('abc')] }));
    knowledge.adoptDeletes(RangeSet.from([1, 0, 2]).encodeDeleteSet());
    assert.equal(knowledge.judge(scanUpdate(updateOf([], [1, 0, 2]))), 'duplicate');
    assert.deepEqual(knowledge.newDeletes(scanUpdate(updateOf([], [1, 1, 2]))), [1, 2, 3]);
    assert.equal(knowledge.hasGap, false);
  });

  test('lets 20,000 edits that wait in a row for each other integrate at once when the first comes (I6)', () => {
    const knowledge = Knowledge.empty();
    const updates: Uint8Array[] = [];
    // Two clients in turns, each edit behind the other's last.
    for (let i = 0; i < 20_000; i++) {
      const [client, clock] = [1 + (i % 2), Math.floor(i / 2)];
      const structs = [i === 0 ? struct.text('x') : struct.textAfter(3 - client, Math.floor((i - 1) / 2), 'x')];
      updates.push(updateOf([{ client, clock, structs }]));
    }
    const [first, ...others] = updates as [Uint8Array, ...Uint8Array[]];
    const facts = others.map((update) => scanUpdate(update));
    const begin = performance.now();
    for (let i = others.length - 1; i >= 0; i--) knowledge.add(facts[i]!, others[i]!);
    assert.equal(knowledge.waitingCount, 19_999);
    knowledge.add(scanUpdate(first), first);
    assert.equal(knowledge.hasGap, false);
    assert.deepEqual(
      new Map(knowledge.stateVector),
      new Map([
        [1, 10_000],
        [2, 10_000],
      ]),
    );
    assert.ok(performance.now() - begin < 1000, `${performance.now() - begin} ms`);
  });
});
