import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { mergeInLevels, trimDeletes, withDeleteSet } from '../../../persistence/update/merge.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf, shuffled } from '../../support/random.ts';
import { assertTook } from '../../support/slowness.ts';
import { struct, updateOf } from '../../support/update-bytes.ts';
import { applyPatches, loadAutomergePaper } from '../../support/traces.ts';

suite('merging', () => {
  test('in levels gives what merging at once gives', (t) => {
    const editors = new RandomEditors(randomOf(t));
    editors.edit(180);
    const { updates } = editors;
    for (const count of [0, 1, 2, 50, 51, updates.length]) {
      const some = updates.slice(0, count);
      const merged = mergeInLevels(some);
      assert.deepEqual(scanUpdate(merged).intervals, scanUpdate(Y.mergeUpdates(some)).intervals);
      assert.deepEqual(
        Y.encodeStateAsUpdate(passiveDoc([merged])),
        Y.encodeStateAsUpdate(passiveDoc([Y.mergeUpdates(some)])),
      );
    }
  });

  test('in any order and any pieces gives the document of the edits in their order (I4)', (t) => {
    const random = randomOf(t);
    for (let round = 0; round < 20; round++) {
      const { updates } = new RandomEditors(random).edit(100);
      const expected = Y.encodeStateAsUpdate(passiveDoc(updates));
      const pieces: Uint8Array[] = [];
      // Parts of a shuffled log do not overlap but leave gaps, which mergeUpdates fills with Skips.
      const left = shuffled(updates, random);
      while (left.length > 0) pieces.push(mergeInLevels(left.splice(0, 1 + random.below(70))));
      const twice = random.pick(pieces);
      assert.deepEqual(Y.encodeStateAsUpdate(passiveDoc([mergeInLevels([...pieces, twice])])), expected);
    }
  });

  test('20,000 keystrokes takes a moment, not minutes', () => {
    const doc = new Y.Doc();
    const text = doc.getText('text');
    const updates: Uint8Array[] = [];
    doc.on('update', (update: Uint8Array) => updates.push(update));
    for (const { patches } of loadAutomergePaper().txns.slice(0, 20_000)) applyPatches(text, patches);
    let merged = new Uint8Array();
    const tookMs = cpuTimeMs(() => {
      merged = Uint8Array.from(mergeInLevels(updates));
    }, Infinity);
    assertTook(tookMs, 5_000, 'merging took');
    assert.equal(passiveDoc([merged]).getText('text').toJSON(), text.toJSON());
  });
});

suite('delete sets', () => {
  test('are reduced to new deletions, while the structs stay', () => {
    const update = updateOf([{ client: 7, clock: 0, structs: [struct.text('abcdef')] }], [7, 1, 4]);
    const facts = scanUpdate(update);
    const trimmed = trimDeletes(update, facts, [7, 2, 3]);
    assert.deepEqual(scanUpdate(trimmed), { ...facts, deletes: [7, 2, 3] });
    assert.equal(passiveDoc([trimmed]).getText('text').toJSON(), 'abdef');
    assert.deepEqual(scanUpdate(trimDeletes(update, facts, [])).deletes, []);
  });

  test('are appended to the structs of an update without deletions', () => {
    const structs = updateOf([{ client: 7, clock: 0, structs: [struct.text('abc')] }]);
    const whole = trimDeletes(structs, scanUpdate(structs), [7, 0, 1, 7, 2, 3]);
    assert.deepEqual(withDeleteSet(structs, whole.subarray(scanUpdate(whole).deleteSetOffset)), whole);
  });
});
