import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Acknowledgements } from '../../../../server/sync/session/acknowledgements.ts';
import { refused } from '../../../support/refused.ts';

const payload = (mark: number) => Uint8Array.of(mark);
const everything = Number.MAX_SAFE_INTEGER;

/** Of a session that has answered the first SyncStep1. */
function answeredAcknowledgements(): Acknowledgements {
  const acknowledgements = new Acknowledgements();
  acknowledgements.answered();
  return acknowledgements;
}

function taken(acknowledgements: Acknowledgements, durableSeq: number): number[] {
  return acknowledgements.take(durableSeq).map((bytes) => bytes[0]!);
}

test('a probe after nothing is answered at once, with the same bytes', () => {
  const acknowledgements = answeredAcknowledgements();
  assert.equal(acknowledgements.isWaiting, false);
  const bytes = Uint8Array.of(1, 2, 3);
  acknowledgements.probe(bytes);
  bytes.fill(0);
  assert.equal(acknowledgements.isWaiting, true);
  assert.deepEqual(acknowledgements.take(0), [Uint8Array.of(1, 2, 3)]);
  assert.equal(acknowledgements.isWaiting, false);
});

test('I1: a probe waits until all that was sent before it is durable, not for what came after', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.sent(1);
  acknowledgements.probe(payload(1));
  acknowledgements.sent(3);
  acknowledgements.probe(payload(2));
  acknowledgements.probe(payload(3));
  acknowledgements.sent(4);
  acknowledgements.probe(payload(4));
  assert.deepEqual(taken(acknowledgements, 0), []);
  assert.deepEqual(taken(acknowledgements, 1), [1]);
  assert.deepEqual(taken(acknowledgements, 2), []);
  assert.deepEqual(taken(acknowledgements, 3), [2, 3]);
  assert.deepEqual(taken(acknowledgements, 4), [4]);
});

test('I1: nothing is saved before the client has answered the first question', () => {
  const acknowledgements = new Acknowledgements();
  acknowledgements.probe(payload(1));
  assert.deepEqual(taken(acknowledgements, everything), []);
  // The offline edits that the probe stands for come with the answer.
  acknowledgements.sent(7);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, 6), []);
  assert.deepEqual(taken(acknowledgements, 7), [1]);
});

test('I1: a dropped update keeps everything unsaved until the answer that contains it is durable', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.gap('asked');
  acknowledgements.probe(payload(1));
  acknowledgements.gapsClosed(5);
  assert.deepEqual(taken(acknowledgements, everything), []);
  acknowledgements.sent(5);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, 4), []);
  assert.deepEqual(taken(acknowledgements, 5), [1]);
});

test('I1: what waits in the log for missing edits is not saved until nothing waits any more', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.sent(2);
  acknowledgements.gap('waiting');
  acknowledgements.answered();
  acknowledgements.probe(payload(1));
  assert.deepEqual(taken(acknowledgements, everything), []);
  // Somebody has brought them, and that is number 4.
  acknowledgements.gapsClosed(4);
  assert.deepEqual(taken(acknowledgements, 3), []);
  assert.deepEqual(taken(acknowledgements, 4), [1]);
  acknowledgements.probe(payload(2));
  assert.deepEqual(taken(acknowledgements, 3), []);
  assert.deepEqual(taken(acknowledgements, 4), [2]);
});

test('the end of gaps in a room says nothing to a session that has none', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.sent(2);
  acknowledgements.probe(payload(1));
  acknowledgements.gapsClosed(4);
  assert.deepEqual(taken(acknowledgements, 2), [1]);
});

test('I1: the end of somebody else’s gap does not stand in for an answer that is still due', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.gap('asked');
  acknowledgements.gap('waiting');
  acknowledgements.probe(payload(1));
  acknowledgements.gapsClosed(5);
  assert.deepEqual(taken(acknowledgements, everything), []);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, everything), [1]);
});

test('I8: after a refusal nothing is ever called saved again', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.probe(payload(1));
  acknowledgements.refuse();
  acknowledgements.probe(payload(2));
  acknowledgements.answered();
  acknowledgements.gapsClosed(5);
  assert.equal(acknowledgements.isWaiting, false);
  assert.deepEqual(taken(acknowledgements, everything), []);
});

test('I7: probes are bounded in number and size', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.probe(new Uint8Array(1_024));
  assert.throws(() => acknowledgements.probe(new Uint8Array(1_025)), refused('malformed'));
  for (let i = 1; i < 1_000; i++) acknowledgements.probe(payload(1));
  assert.throws(() => acknowledgements.probe(payload(1)), refused('limit-reached'));
  acknowledgements.take(0);
  acknowledgements.probe(payload(1));
});
