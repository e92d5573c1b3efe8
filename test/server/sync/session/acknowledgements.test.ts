import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Acknowledgements } from '../../../../server/sync/session/acknowledgements.ts';
import { refused } from '../../../support/refused.ts';

const payload = (mark: number) => Uint8Array.of(mark);
const everything = Number.MAX_SAFE_INTEGER;

/** The facts of an update that adds clocks 0 to 4 of client 7. */
const update = { intervals: [7, 0, 5], deletes: [] };

/** A document in which everything up to an entry has integrated. */
const integrated = (acceptedSeq: number) => ({ hasIntegrated: () => true, acceptedSeq });

/** The acknowledgements of a session that has answered the first SyncStep1. */
function answeredAcknowledgements(): Acknowledgements {
  const acknowledgements = new Acknowledgements();
  acknowledgements.answered();
  return acknowledgements;
}

function taken(acknowledgements: Acknowledgements, durableSeq: number): number[] {
  return acknowledgements.take(durableSeq).map((bytes) => bytes[0]!);
}

test('a probe without an edit before it is answered at once, with the same bytes', () => {
  const acknowledgements = answeredAcknowledgements();
  assert.equal(acknowledgements.isWaiting, false);
  const bytes = Uint8Array.of(1, 2, 3);
  acknowledgements.probe(bytes);
  bytes.fill(0);
  assert.equal(acknowledgements.isWaiting, true);
  assert.deepEqual(acknowledgements.take(0), [Uint8Array.of(1, 2, 3)]);
  assert.equal(acknowledgements.isWaiting, false);
});

test('I1: a probe waits until everything sent before it is durable, not for edits sent after it', () => {
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

test('I1: no probe is answered before the client has answered the first SyncStep1', () => {
  const acknowledgements = new Acknowledgements();
  acknowledgements.probe(payload(1));
  assert.deepEqual(taken(acknowledgements, everything), []);
  // The answer contains the offline edits that the probe stands for.
  acknowledgements.sent(7);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, 6), []);
  assert.deepEqual(taken(acknowledgements, 7), [1]);
});

test('I1: after a dropped update no probe is answered until the answer that contains it is durable', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.dropped();
  acknowledgements.probe(payload(1));
  acknowledgements.closeGaps(integrated(5));
  assert.deepEqual(taken(acknowledgements, everything), []);
  acknowledgements.sent(5);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, 4), []);
  assert.deepEqual(taken(acknowledgements, 5), [1]);
});

test('I1: while an edit in the log waits for missing edits, no probe is answered', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.sent(2);
  acknowledgements.waitFor(update);
  acknowledgements.answered();
  acknowledgements.probe(payload(1));
  assert.deepEqual(taken(acknowledgements, everything), []);
  // Another client has sent the missing edits, as entry 4.
  acknowledgements.closeGaps(integrated(4));
  assert.deepEqual(taken(acknowledgements, 3), []);
  assert.deepEqual(taken(acknowledgements, 4), [1]);
  acknowledgements.probe(payload(2));
  assert.deepEqual(taken(acknowledgements, 3), []);
  assert.deepEqual(taken(acknowledgements, 4), [2]);
});

test('I1: a gap is closed when the last clock of every client that waits has integrated, deletions too', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.waitFor({ intervals: [7, 0, 5, 8, 2, 3], deletes: [9, 1, 4] });
  acknowledgements.waitFor({ intervals: [7, 5, 6], deletes: [] });
  acknowledgements.probe(payload(1));
  const clocks = new Map([
    [7, 5],
    [8, 2],
    [9, 3],
  ]);
  const document = {
    acceptedSeq: 4,
    hasIntegrated: (client: number, clock: number) => clocks.get(client)! >= clock,
  };
  for (const client of [7, 8, 9]) {
    acknowledgements.closeGaps(document);
    assert.deepEqual(taken(acknowledgements, everything), []);
    clocks.set(client, clocks.get(client)! + 1);
  }
  acknowledgements.closeGaps(document);
  assert.deepEqual(taken(acknowledgements, 3), []);
  assert.deepEqual(taken(acknowledgements, 4), [1]);
});

test('gaps that other sessions close do not delay the probes of a session without a gap', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.sent(2);
  acknowledgements.probe(payload(1));
  acknowledgements.closeGaps(integrated(4));
  assert.deepEqual(taken(acknowledgements, 2), [1]);
});

test('I1: a gap that closes does not replace an answer that is still due', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.dropped();
  acknowledgements.waitFor(update);
  acknowledgements.probe(payload(1));
  acknowledgements.closeGaps(integrated(5));
  assert.deepEqual(taken(acknowledgements, everything), []);
  acknowledgements.answered();
  assert.deepEqual(taken(acknowledgements, everything), [1]);
});

test('I8: after a refused update no probe is answered any more', () => {
  const acknowledgements = answeredAcknowledgements();
  acknowledgements.probe(payload(1));
  acknowledgements.refuse();
  acknowledgements.probe(payload(2));
  acknowledgements.answered();
  acknowledgements.closeGaps(integrated(5));
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
