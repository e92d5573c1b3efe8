import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { Inspector, inspectorArgs } from '../support/inspector.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { TextWriter } from '../support/text-writer.ts';
import { repetitions } from '../support/repetitions.ts';

const documents = repetitions(400, 1_000);
const atOnce = 20;
/** Noise of garbage collection and compilation. Documents that stay in memory would take several times this. */
const maxGrowthBytes = 2_000_000;

test('I7: after hundreds of documents were opened, written and closed, memory, files and timers are as before', async (t) => {
  const quire = await Quire.start(t, {
    tls: 'off',
    args: ['--idle-room-timeout', '100ms', '--log-level', 'warn'],
    nodeArgs: inspectorArgs,
  });
  const inspector = await Inspector.attach(quire.process);
  t.after(() => inspector.close());

  const visit = async (name: string): Promise<void> => {
    const client = await RawClient.open(`${quire.url}/${name}`);
    await client.sync();
    client.edit(new TextWriter(1).type('x'.repeat(2_000)));
    client.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{"user":"ann"}' }] });
    await client.saved();
    await client.close();
  };
  const visitAll = async (prefix: string, count: number): Promise<void> => {
    const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    const visitors = Array.from({ length: atOnce }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await visit(name);
    });
    await within(guardMs, () => `visits of ${names.length} documents`, Promise.all(visitors));
    await within(guardMs, 'every document is let go', empty(quire));
  };
  const measure = async (): Promise<{ heap: number; files: number; resources: Readonly<Record<string, number>> }> => {
    const { heapUsed, external } = await inspector.heap();
    return {
      heap: heapUsed + external,
      files: quire.process.openFiles(),
      resources: await inspector.activeResources(),
    };
  };

  // After this, everything exists that is created once and stays: compiled code, pools, LevelDB's buffers.
  await visitAll('warm', 300);
  const before = await measure();
  await visitAll('visited', documents);
  const after = await measure();
  t.diagnostic(`heap ${(before.heap / 1e6).toFixed(2)} -> ${(after.heap / 1e6).toFixed(2)} MB`);
  assert.ok(after.heap - before.heap < maxGrowthBytes, `memory grew by ${after.heap - before.heap} bytes`);
  assert.deepEqual(after.resources, before.resources);
  // LevelDB opens and removes tables at any time.
  assert.ok(Math.abs(after.files - before.files) <= 10, `files ${before.files} -> ${after.files}`);
});

/**
 * Resolves when no document is in memory and no client is connected. Polls the metrics, because there is no event for
 * it.
 */
async function empty(quire: Quire): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${quire.httpUrl}/metrics`, { headers: { connection: 'close' } })).text();
    if (/^quire_rooms 0$/m.test(metrics) && /^quire_connections 0$/m.test(metrics)) return;
    await paced(200);
  }
}
