import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { Knowledge } from '../../../server/sync/room/knowledge.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { assertTook } from '../../support/slowness.ts';
import { bytesOf, struct, updateOf } from '../../support/update-bytes.ts';

const maxStallMs = 50;

/** Scans within the time for which the event loop may be blocked. */
function scanFast(update: Uint8Array): UpdateFacts | MalformedUpdateError {
  let result: UpdateFacts | MalformedUpdateError | undefined;
  const scan = (): void => {
    try {
      result = scanUpdate(update);
    } catch (error) {
      assert.ok(error instanceof MalformedUpdateError);
      result = error;
    }
  };
  const tookMs = cpuTimeMs(scan, maxStallMs);
  assert.ok(result !== undefined);
  assertTook(tookMs, maxStallMs, `${update.length} bytes took`);
  return result;
}

/** Nested arrays. */
function nest(depth: number): Uint8Array {
  const structs = [struct.array(), ...Array.from({ length: depth }, (_, i) => struct.arrayIn(1, i))];
  return updateOf([{ client: 1, clock: 0, structs }]);
}

suite('attacks that have brought servers down', () => {
  test('an update of format V2 is refused for any content (I6)', () => {
    const doc = new Y.Doc();
    assert.ok(scanFast(Y.encodeStateAsUpdateV2(doc)) instanceof MalformedUpdateError);
    doc.getText('text').insert(0, 'hello');
    doc.getMap('map').set('key', [1, 'two']);
    doc.getText('text').delete(1, 2);
    assert.ok(scanFast(Y.encodeStateAsUpdateV2(doc)) instanceof MalformedUpdateError);
  });

  test('seven bytes that claim 33 million structs are refused before memory is allocated (I6)', () => {
    const before = process.memoryUsage().heapUsed;
    assert.ok(scanFast(bytesOf(1, 33_000_000, 1, 0)) instanceof MalformedUpdateError);
    assert.ok(process.memoryUsage().heapUsed - before < 8 * 1024 * 1024);
  });

  test('structs far ahead under another client id are a gap, and that client can still write (I6)', () => {
    const knowledge = Knowledge.empty();
    for (const [clock, far] of [
      [1_000_000, struct.gc(10)],
      [2_000_000, struct.skip(10)],
    ] as const) {
      const update = updateOf([{ client: 5, clock, structs: [far, struct.gc(5)] }]);
      const facts = scanUpdate(update);
      assert.equal(knowledge.judge(facts), 'gap');
      knowledge.add(facts, update);
    }
    const facts = scanUpdate(updateOf([{ client: 5, clock: 0, structs: [struct.text('mine')] }]));
    assert.equal(knowledge.judge(facts), 'new');
  });

  test('types nested 20,000 deep are read, and 110,000 deep are refused (I6)', () => {
    assert.ok(!(scanFast(nest(20_000)) instanceof MalformedUpdateError));
    const refusal = scanFast(nest(110_000));
    assert.ok(refusal instanceof MalformedUpdateError && refusal.code === 'type-too-deep');
  });

  test('100,000 client ids in one update are refused, with structs or with deletions (I7)', () => {
    const ids = Array.from({ length: 100_000 }, (_, i) => 2 ** 31 - i);
    const gc = struct.gc(1);
    const structs = scanFast(updateOf(ids.map((client) => ({ client, clock: 0, structs: [gc] }))));
    assert.ok(structs instanceof MalformedUpdateError && structs.code === 'too-many-clients');
    const deletes = scanFast(
      updateOf(
        [],
        ids.flatMap((client) => [client, 0, 1]),
      ),
    );
    assert.ok(deletes instanceof MalformedUpdateError && deletes.code === 'too-many-clients');
  });

  test('2,000 updates of 2 KB with missing dependencies can wait without a slowdown (I6)', () => {
    const knowledge = Knowledge.empty();
    const structs = Array.from({ length: 220 }, (_, k) => struct.textAfter(9_000_000 - k, 1, 'x'));
    const updates = Array.from({ length: 2000 }, (_, i) => updateOf([{ client: 10_000 - i, clock: 1, structs }]));
    const tookMs = cpuTimeMs(() => {
      for (const update of updates) knowledge.add(scanUpdate(update), update);
    }, Infinity);
    assert.ok(knowledge.waitingBytes > 2000 * 2000);
    assertTook(tookMs, 3_000, 'they took');
  });
});
