import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { RoomBench } from '../../support/fake-room.ts';
import { malformed } from '../../support/refused.ts';
import { textFrom, Typist } from '../../support/shared-text.ts';

const emptyUpdate = Uint8Array.of(0, 0);

test('a duplicate is known, of what is on its way too, and not appended', async (t) => {
  const bench = await RoomBench.load(t);
  const typist = new Typist();
  const [first, second] = [typist.type('a'), typist.type('b')];
  bench.submit(first);
  assert.equal(bench.submit(first), 'known');
  assert.equal(bench.submit(emptyUpdate), 'known');
  bench.submit(second);
  assert.equal(bench.submit(Y.mergeUpdates([first, second])), 'known');
  assert.equal(bench.log.pending('doc').length, 2);
  assert.equal(bench.stats.updatesKnown, 3);
  assert.equal(bench.submit(typist.type('c')), 'appended');
});

test('an edit with a gap is not taken unless it is an answer', async (t) => {
  const bench = await RoomBench.load(t);
  const typist = new Typist();
  const missing = typist.type('missing ');
  const update = typist.type('x');
  assert.equal(bench.submit(update), 'gap');
  assert.equal(bench.log.pending('doc').length, 0);
  assert.equal(bench.room.hasGap, false);
  assert.equal(bench.submit(update, true), 'appended-with-gap');
  assert.equal(bench.room.hasGap, true);
  assert.equal(bench.submit(update), 'known-waiting');
  assert.equal(bench.submit(missing), 'appended');
  assert.equal(bench.room.hasGap, false);
  assert.equal(bench.submit(update), 'known');
  const { stats } = bench;
  assert.deepEqual([stats.updatesWithGap, stats.gapsStored, stats.updatesAppended], [1, 1, 2]);
});

test('I7: answers that leave a megabyte waiting are refused, and what fits is taken afterwards', async (t) => {
  const bench = await RoomBench.load(t);
  const answers = Array.from({ length: 12 }, () => {
    const typist = new Typist();
    typist.type('missing');
    return typist.type('x'.repeat(100_000));
  });
  assert.throws(() => {
    for (const answer of answers) bench.submit(answer, true);
  }, malformed);
  assert.equal(bench.log.pending('doc').length, 10);
  assert.equal(bench.submit(new Typist().type('fits')), 'appended');
});

test('deletions that are known are trimmed off what is stored and sent', async (t) => {
  const bench = await RoomBench.load(t);
  const peer = bench.join();
  const typist = new Typist();
  bench.submit(typist.type('abcdefghij'));
  for (const index of [8, 4, 0]) bench.submit(typist.delete(index, 1));
  bench.commit();
  typist.type('!');
  const answer = typist.answerTo(bench.room.durable.encodeStateVector());
  assert.equal(scanUpdate(answer).deletes.length, 9);
  assert.equal(bench.submit(answer, true), 'appended');
  const [entry] = bench.log.pending('doc');
  assert.deepEqual(scanUpdate(entry!.update).deletes, []);
  bench.commit();
  bench.passMs();
  assert.equal(textFrom(...peer.updates), typist.text);
});

test('what is appended is a copy: a receiver may write over its buffer', async (t) => {
  const bench = await RoomBench.load(t);
  const typist = new Typist();
  const received = Uint8Array.from(typist.type('x'));
  bench.submit(received);
  received.fill(0xee);
  assert.deepEqual(bench.log.pending('doc')[0]?.update, typist.last);
});
