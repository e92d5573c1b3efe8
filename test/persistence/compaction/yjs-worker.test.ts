import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import * as Y from 'yjs';
import { maxSinglePartBytes } from '../../../persistence/compaction/verification.ts';
import { defaultYjsWorkerLimits, systemYjsWorkerDeps, YjsWorker } from '../../../persistence/compaction/yjs-worker.ts';
import type { YjsWorkerLimits } from '../../../persistence/compaction/yjs-worker.ts';
import { CompactionError, MalformedUpdateError, WorkerJobError } from '../../../persistence/errors.ts';
import { defaultScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { contentOf, entriesOf, snapshotOf } from '../../support/folding.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { nestedTypes } from '../../support/nested-types.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf } from '../../support/random.ts';
import { assertTook } from '../../support/slowness.ts';
import { TextWriter } from '../../support/text-writer.ts';
import { watchTurns } from '../../support/turn-watch.ts';
import { withoutDeletes, writtenByYjs } from '../../support/update-bytes.ts';
import { repetitions } from '../../support/repetitions.ts';

/** A worker whose clock and threads the test controls. */
function observedWorker(t: TestContext, limits: Partial<YjsWorkerLimits> = {}) {
  const clock = new ManualClock();
  const threads: Worker[] = [];
  const all = { ...defaultYjsWorkerLimits, ...limits };
  const worker = new YjsWorker(all, {
    clock,
    startThread: (given) => {
      const thread = systemYjsWorkerDeps.startThread(given);
      threads.push(thread);
      return thread;
    },
  });
  t.after(() => worker.close());
  return { worker, clock, threads, limits: all };
}

/** I6: the longest time that the event loop may be blocked. */
const maxTurnMs = 50;

const hello = new TextWriter(1).type('Hello');

function ended(thread: Worker | undefined): Promise<unknown> {
  assert.ok(thread);
  return new Promise((resolve) => thread.once('exit', resolve));
}

function lostAs(code: WorkerJobError['code']): (error: unknown) => boolean {
  return (error) => error instanceof WorkerJobError && error.code === code;
}

describe('YjsWorker', () => {
  // Threads do not keep a process alive, even if it waits for them.
  let alive: NodeJS.Timeout;
  before(() => {
    alive = setInterval(() => {}, 60_000);
  });
  after(() => clearInterval(alive));

  test('a job that cannot be passed to a thread is rejected alone; the next ones are done', async (t) => {
    let failures = 3;
    const worker = new YjsWorker(defaultYjsWorkerLimits, {
      clock: new ManualClock(),
      startThread: (limits) => {
        if (failures-- > 0) throw new Error('no thread');
        return systemYjsWorkerDeps.startThread(limits);
      },
    });
    t.after(() => worker.close());
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => worker.scan(hello, defaultScanLimits)));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
    );
    for (const result of results.slice(0, 3)) {
      assert.ok(result.status === 'rejected' && lostAs('WORKER_DIED')(result.reason));
    }
  });

  test('folds like a Y.Doc, scans, diffs and merges', async (t) => {
    const { worker } = observedWorker(t);
    const editors = new RandomEditors(randomOf(t));
    editors.edit(300);
    const doc = passiveDoc(editors.updates);
    const output = await worker.compact({ snapshot: [], entries: entriesOf(editors.updates) });
    assert.deepEqual(contentOf(passiveDoc(snapshotOf(output))), contentOf(doc));
    const state = output.parts[0]?.data as Uint8Array;
    const scanned = await worker.scan(state, defaultScanLimits);
    const plain = {
      intervals: [...scanned.intervals],
      deletes: [...scanned.deletes],
      dependencies: [...scanned.dependencies],
    };
    assert.deepEqual({ ...scanned, ...plain }, scanUpdate(state));
    const known = Y.encodeStateVector(passiveDoc(editors.updates.slice(0, 100)));
    assert.deepEqual(writtenByYjs(await worker.diff(state, known)), withoutDeletes(Y.diffUpdate(state, known)));
    const merged = await worker.merge(editors.updates);
    assert.deepEqual(contentOf(passiveDoc([merged])), contentOf(doc));
  });

  test('leaves its input intact, even in a pooled buffer', async (t) => {
    const { worker } = observedWorker(t);
    const pooled = Buffer.from(hello);
    assert.notEqual(pooled.buffer.byteLength, pooled.byteLength);
    await worker.compact({ snapshot: [pooled], entries: entriesOf([hello]) });
    assert.deepEqual([...pooled], [...hello]);
    assert.ok(hello.length > 0, 'not transferred');
  });

  test('keeps the class and code of errors that callers switch over', async (t) => {
    const { worker } = observedWorker(t);
    await assert.rejects(
      worker.scan(Uint8Array.of(1, 1), defaultScanLimits),
      (error) => error instanceof MalformedUpdateError && error.code === 'truncated',
    );
    await assert.rejects(
      worker.compact({ snapshot: [Uint8Array.of(1, 1)], entries: [] }),
      (error) => error instanceof CompactionError && error.code === 'COMPACTION_SNAPSHOT_BAD',
    );
    await assert.rejects(worker.merge([hello, hello.subarray(0, -1)]), lostAs('WORKER_JOB_THREW'));
    assert.deepEqual(await worker.merge([hello]), hello, 'the thread continues');
  });

  test('folds the deletion of types nested 20,000 deep (I6)', async (t) => {
    const { worker } = observedWorker(t);
    const { created, deleted } = nestedTypes(5, 20_000);
    const output = await worker.compact({ snapshot: [], entries: entriesOf([created, deleted]) });
    assert.deepEqual(output.setAside, []);
    assert.ok((output.parts[0]?.bytes ?? 0) < 100, 'nothing of them is left');
  });

  test('runs one job at a time, in the order of the calls, in one thread', async (t) => {
    const { worker, threads } = observedWorker(t);
    const done: number[] = [];
    const words = [1, 2, 3, 4].map((client) => new TextWriter(client).type('word'));
    await Promise.all(words.map((word, index) => worker.merge([word]).then(() => done.push(index))));
    assert.deepEqual(done, [0, 1, 2, 3]);
    assert.equal(threads.length, 1);
  });

  test('starts its thread with the first job, and ends it after the idle timeout', async (t) => {
    const { worker, clock, threads, limits } = observedWorker(t);
    assert.equal(threads.length, 0);
    await worker.merge([hello]);
    clock.advance(limits.idleTimeoutMs - 1);
    await worker.merge([hello]);
    clock.advance(limits.idleTimeoutMs - 1);
    assert.equal(threads.length, 1, 'kept warm by work');
    const exit = ended(threads[0]);
    clock.advance(1);
    await exit;
    await worker.merge([hello]);
    assert.equal(threads.length, 2);
  });

  test('rejects the job whose thread is killed, and no other', async (t) => {
    const { worker, threads } = observedWorker(t);
    await worker.merge([hello]);
    const killed = worker.compact({ snapshot: [], entries: entriesOf(Object.values(nestedTypes(5, 20_000))) });
    const next = worker.merge([hello]);
    const rejected = assert.rejects(
      killed,
      (error) =>
        error instanceof CompactionError &&
        error.code === 'COMPACTION_WORKER_LOST' &&
        lostAs('WORKER_DIED')(error.cause),
    );
    await threads[0]?.terminate();
    await rejected;
    assert.deepEqual(await next, hello);
    assert.equal(threads.length, 2);
  });

  test('rejects a job that exceeds its time limit, and ends the thread', async (t) => {
    const { worker, clock, threads, limits } = observedWorker(t);
    await worker.merge([hello]);
    const slow = worker.compact({ snapshot: [], entries: entriesOf(Object.values(nestedTypes(5, 20_000))) });
    const next = worker.merge([hello]);
    const exit = ended(threads[0]);
    clock.advance(limits.jobTimeoutMs);
    await assert.rejects(slow, (error) => lostAs('WORKER_TIMEOUT')((error as Error).cause));
    await exit;
    assert.deepEqual(await next, hello);
  });

  test('gives the compaction of a large document proportionally more time, but no other job', async (t) => {
    const { worker, clock, limits } = observedWorker(t);
    const large = new Uint8Array(16 * 1024 * 1024);
    const compaction = worker.compact({ snapshot: [large], entries: [] });
    assert.deepEqual(clock.pending, [2 * limits.jobTimeoutMs]);
    await assert.rejects(compaction, CompactionError);
    const merge = worker.merge([large]);
    assert.deepEqual(clock.pending, [limits.jobTimeoutMs]);
    await merge;
  });

  test('rejects a job that exceeds its memory limit, and no other (I6, I7)', async (t) => {
    const { worker } = observedWorker(t, { maxOldGenerationSizeMb: 24 });
    const words = Array.from({ length: 200 }, (_, client) =>
      new TextWriter(client + 1).typeItems(Array.from({ length: 2_000 }, () => 'ab')),
    );
    await assert.rejects(worker.compact({ snapshot: [], entries: entriesOf(words) }), (error) =>
      lostAs('WORKER_DIED')((error as Error).cause),
    );
    assert.deepEqual(await worker.merge([hello]), hello);
  });

  test('close rejects the running, queued and later jobs', async (t) => {
    const { worker, threads } = observedWorker(t);
    const running = assert.rejects(worker.merge([hello]), lostAs('WORKER_CLOSED'));
    const queued = assert.rejects(worker.merge([hello]), lostAs('WORKER_CLOSED'));
    const exit = ended(threads[0]);
    await Promise.all([worker.close(), worker.close(), exit, running, queued]);
    await assert.rejects(worker.merge([hello]), lostAs('WORKER_CLOSED'));
    assert.equal(threads.length, 1);
  });

  test('folds a large document without blocking the event loop, into parts that integrate only with the last one (I6)', async (t) => {
    const large = largeDocument(repetitions(8, 20));
    const { worker } = observedWorker(t);
    await worker.merge([hello]);
    collectGarbage();
    const watch = watchTurns();
    const output = await worker.compact({ snapshot: [large], entries: entriesOf([hello]) });
    const turnMs = watch.end();
    t.diagnostic(`the longest turn: ${turnMs.toFixed(1)} ms`);
    assertTook(turnMs, maxTurnMs, 'one turn of the event loop took');

    assert.ok(output.parts.length > 3 && output.parts.every(({ bytes }) => bytes < maxSinglePartBytes));
    const doc = new Y.Doc();
    const text = doc.getText('text');
    let integratedEarly = 0;
    for (const part of output.parts) {
      integratedEarly = text.length;
      Y.applyUpdate(doc, part.data);
    }
    assert.equal(integratedEarly, 0);
    assert.deepEqual(Y.encodeStateVector(doc), output.stateVector);
    assert.equal(text.length, passiveDoc([large, hello]).getText('text').length);
  });
});

/** A text of many pieces of 200 characters each, inserted at varying positions. */
function largeDocument(megabytes: number): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = 5;
  const text = doc.getText('text');
  const piece = 'abcdefghi '.repeat(20);
  doc.transact(() => {
    for (let i = 0; i < (megabytes * 1024 * 1024) / 200; i++) {
      text.insert(Math.max(0, text.length - ((i * 7919) % 2_000)), piece);
    }
  });
  return Y.encodeStateAsUpdate(doc);
}
