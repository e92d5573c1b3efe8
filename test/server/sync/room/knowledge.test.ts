import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { RangeSet } from '../../../../persistence/update/ranges.ts';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { Knowledge } from '../../../../server/sync/room/knowledge.ts';
import { waitingRunBytes } from '../../../../server/sync/room/waiting-runs.ts';
import { RandomEditors } from '../../../support/random-edits.ts';
import { cpuTimeMs } from '../../../support/cpu-time.ts';
import { randomOf } from '../../../support/random.ts';
import { assertTook } from '../../../support/slowness.ts';
import { deletionsOf, struct, updateOf } from '../../../support/update-bytes.ts';
import type { ClientStructs } from '../../../support/update-bytes.ts';
import { compareWithYjs, deliveries } from './knowledge-model.ts';
import { repetitions } from '../../../support/repetitions.ts';

function updateBy(...clients: readonly ClientStructs[]): [ReturnType<typeof scanUpdate>, Uint8Array] {
  const update = updateOf(clients);
  return [scanUpdate(update), update];
}

suite('Knowledge', () => {
  test('agrees with a Y.Doc, after every update, about which structs have integrated and which are pending', (t) => {
    const verdicts = compareWithYjs(randomOf(t), repetitions(6, 20));
    t.diagnostic(JSON.stringify(verdicts));
    for (const count of Object.values(verdicts)) assert.ok(count > 12, 'each verdict was met');
  });

  test('is the same when restored from its state vector, its delete set and the edits that wait', (t) => {
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
      assert.equal(restored.waitingBytes, whole.waitingBytes);
    }
  });

  test('has independent clones, including the structs that wait', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 20; i++) {
      const editors = new RandomEditors(random);
      editors.edit(60);
      const updates = deliveries(random, editors.updates);
      const half = random.below(updates.length);
      const original = Knowledge.empty();
      for (const update of updates.slice(0, half)) original.add(scanUpdate(update), update);
      const before = [original.encodeStateVector(), original.encodeDeleteSet(), original.waitingBytes];
      const copy = original.clone();
      assert.deepEqual([copy.encodeStateVector(), copy.encodeDeleteSet(), copy.waitingBytes], before);
      for (const update of updates.slice(half)) copy.add(scanUpdate(update), update);
      assert.deepEqual([original.encodeStateVector(), original.encodeDeleteSet(), original.waitingBytes], before);
      for (const update of updates.slice(half)) original.add(scanUpdate(update), update);
      assert.deepEqual(copy.encodeStateVector(), original.encodeStateVector());
      assert.equal(copy.waitingBytes, original.waitingBytes);
    }
  });

  test('counts waiting structs as known, but not as integrated', () => {
    const knowledge = Knowledge.empty();
    const [facts, update] = updateBy({ client: 1, clock: 2, structs: [struct.text('cd')] });
    assert.equal(knowledge.judge(facts), 'gap');
    knowledge.add(facts, update);
    assert.equal(knowledge.judge(facts), 'duplicate');
    assert.equal(knowledge.integrates(facts), false);
    assert.deepEqual(knowledge.stateVector, new Map());
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('ab')] }));
    assert.equal(knowledge.integrates(facts), true);
    assert.deepEqual(knowledge.stateVector, new Map([[1, 4]]));
  });

  test('does not count the hole of a Skip as known: the missing edit is new when it arrives', () => {
    const knowledge = Knowledge.empty();
    const text = struct.text('x');
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [text, struct.skip(1), text] }));
    assert.deepEqual(Y.decodeStateVector(knowledge.encodeStateVector()), new Map([[1, 1]]));
    const [facts, update] = updateBy({ client: 1, clock: 1, structs: [text] });
    assert.equal(knowledge.judge(facts), 'new');
    knowledge.add(facts, update);
    assert.deepEqual(Y.decodeStateVector(knowledge.encodeStateVector()), new Map([[1, 3]]));
  });

  test('finds a gap in an update whose clock fits but whose origin is unknown', () => {
    const knowledge = Knowledge.empty();
    const [facts, update] = updateBy({ client: 2, clock: 0, structs: [struct.textAfter(1, 0, 'b')] });
    assert.equal(knowledge.judge(facts), 'gap');
    knowledge.add(facts, update);
    assert.equal(knowledge.stateVector.get(2), undefined);
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('a')] }));
    assert.equal(knowledge.stateVector.get(2), 1);
    assert.equal(knowledge.waitingBytes, 0);
  });

  test('counts a client once for its structs and deletions, known and new', () => {
    const knowledge = Knowledge.empty();
    const own = updateOf([{ client: 1, clock: 0, structs: [struct.text('abc')] }], [1, 1, 1]);
    assert.equal(knowledge.addedClients(scanUpdate(own)), 1);
    knowledge.add(scanUpdate(own), own);
    assert.equal(knowledge.clientCount, 1);
    // Later structs of a known client, and deletions of clocks that it has not written yet.
    const ahead = updateOf([{ client: 1, clock: 9, structs: [struct.text('x')] }], [1, 20, 1, 2, 0, 1]);
    assert.equal(knowledge.addedClients(scanUpdate(ahead)), 1);
    knowledge.add(scanUpdate(ahead), ahead);
    assert.equal(knowledge.clientCount, 2);
    assert.equal(knowledge.addedClients(scanUpdate(updateOf([], [2, 5, 1, 3, 0, 1]))), 1);
  });

  test('I7: counts the memory of deletions for as long as they wait', () => {
    const knowledge = Knowledge.empty();
    const update = deletionsOf(1, 10, 1_000);
    const expected = knowledge.waitingBytesOf(scanUpdate(update));
    knowledge.add(scanUpdate(update), update);
    assert.equal(knowledge.waitingBytes, expected);
    assert.ok(expected >= 16_000);
    assert.equal(knowledge.waitingBytesOf(scanUpdate(update)), 0, 'waiting deletions count once');
    // Half of the deleted structs arrive.
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.gc(1_010)] }));
    assert.ok(knowledge.waitingBytes < 0.6 * expected && knowledge.waitingBytes > 0.4 * expected);
    knowledge.add(...updateBy({ client: 1, clock: 1_010, structs: [struct.gc(1_010)] }));
    assert.equal(knowledge.waitingBytes, 0);
  });

  test('finds a gap in a deletion of an unknown struct, and closes it when the struct arrives', () => {
    const knowledge = Knowledge.empty();
    const update = updateOf([], [1, 0, 1]);
    assert.equal(knowledge.judge(scanUpdate(update)), 'gap');
    knowledge.add(scanUpdate(update), update);
    assert.ok(knowledge.waitingBytes > 0);
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('a')] }));
    assert.equal(knowledge.waitingBytes, 0);
  });

  test('accepts an update that deletes its own structs', () => {
    const update = updateOf([{ client: 1, clock: 0, structs: [struct.text('abc')] }], [1, 1, 2]);
    assert.equal(Knowledge.empty().judge(scanUpdate(update)), 'new');
  });

  test('adopts the deletions of garbage collection, so that they are known when an update holds them', () => {
    const knowledge = Knowledge.empty();
    knowledge.add(...updateBy({ client: 1, clock: 0, structs: [struct.text('abc')] }));
    knowledge.adoptDeletes(RangeSet.from([1, 0, 2]));
    assert.equal(knowledge.judge(scanUpdate(updateOf([], [1, 0, 2]))), 'duplicate');
    assert.deepEqual(knowledge.newDeletes(scanUpdate(updateOf([], [1, 1, 2]))), [1, 2, 3]);
    assert.equal(knowledge.waitingBytes, 0);
  });

  test('I6: a chain of 20,000 waiting edits integrates quickly when the first edit arrives', () => {
    const knowledge = Knowledge.empty();
    const updates: Uint8Array[] = [];
    // Two clients take turns. Each edit depends on the last one of the other client.
    for (let i = 0; i < 20_000; i++) {
      const [client, clock] = [1 + (i % 2), Math.floor(i / 2)];
      const structs = [i === 0 ? struct.text('x') : struct.textAfter(3 - client, Math.floor((i - 1) / 2), 'x')];
      updates.push(updateOf([{ client, clock, structs }]));
    }
    const [first, ...others] = updates as [Uint8Array, ...Uint8Array[]];
    const facts = others.map((update) => scanUpdate(update));
    const waitMs = cpuTimeMs(() => {
      for (let k = others.length - 1; k >= 0; k--) knowledge.add(facts[k]!, others[k]!);
    }, Infinity);
    assert.ok(knowledge.waitingBytes > 19_999 * waitingRunBytes);
    const settleMs = cpuTimeMs(() => knowledge.add(scanUpdate(first), first), Infinity);
    assert.equal(knowledge.waitingBytes, 0);
    assert.deepEqual(
      new Map(knowledge.stateVector),
      new Map([
        [1, 10_000],
        [2, 10_000],
      ]),
    );
    assertTook(waitMs + settleMs, 2_000, 'waiting and settling took');
  });
});
