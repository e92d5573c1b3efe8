import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultScanLimits } from '../../../../persistence/update/scan.ts';
import { SharedOffload } from '../../../../server/sync/session/shared-offload.ts';
import { FakeOffload } from '../../../support/fake-offload.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import { TextWriter } from '../../../support/text-writer.ts';

const kib = 1024;
const large = (client: number): Uint8Array => new TextWriter(client).type('x'.repeat(1_100 * kib));

test('I6: an address with many large updates does not delay the large update of another address', async (t) => {
  const harness = new SyncHarness(t);
  const limits = { maxQueuedBytes: 2 * 1024 * kib };
  const crowd = [];
  for (let i = 0; i < 20; i++) crowd.push(await harness.synced({ userId: `u${i}`, addressKey: '192.0.2.1', limits }));
  const other = await harness.synced({ docId: 'other', userId: 'other', addressKey: '192.0.2.2', limits });
  harness.offload.gate.close();
  for (const [i, client] of crowd.entries()) client.edit(large(i + 1));
  other.edit(large(1_000));
  await harness.settle();
  assert.equal(harness.offload.calls.length, 2, 'one of the crowd, and the one of the other address');
  crowd[5]?.vanish();
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(harness.log.pending('other').length, 1);
  await harness.settle();
  assert.equal(harness.offload.calls.length, 20, 'the update of a client that has left is not scanned');
  assert.equal(harness.log.pending('doc').length, 19);
});

test('scans, diffs and merges are passed on, and so are their errors', async () => {
  const shared = new SharedOffload(new FakeOffload()).of('key', () => false);
  const update = new TextWriter(1).type('x');
  assert.equal((await shared.scan(update, defaultScanLimits)).structCount, 1);
  assert.ok((await shared.diff(update, Uint8Array.of(0))).length > 0);
  assert.ok((await shared.merge([update, update])).length > 0);
  await assert.rejects(shared.scan(Uint8Array.of(255), defaultScanLimits));
});
