import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frame } from './frames.ts';
import { decodeFrame, encodeFrame } from './frames.ts';
import { RawClient } from './raw-client.ts';
import { startRelay } from './relay.ts';
import { StockClient } from './stock-client.ts';
import { TextWriter } from './text-writer.ts';

test('every frame survives encoding and decoding', () => {
  const frames: Frame[] = [
    { type: 'sync-step-1', stateVector: Uint8Array.of(0) },
    { type: 'sync-step-2', update: Uint8Array.of(0, 0) },
    { type: 'update', update: Uint8Array.of(0, 0) },
    {
      type: 'awareness',
      entries: [
        { client: 5, clock: 1, state: '{"a":1}' },
        { client: 2 ** 32 + 1, clock: 2, state: null },
      ],
    },
    { type: 'denied', reason: 'no' },
    { type: 'query-awareness' },
    { type: 'probe', payload: Uint8Array.of(1, 2, 3) },
  ];
  for (const frame of frames) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame);
});

test('raw clients hear each other, and the probe, through the relay', async (t) => {
  const relay = await startRelay(t);
  const [writer, reader] = await Promise.all([RawClient.open(`${relay.url}/a`), RawClient.open(`${relay.url}/a`)]);
  t.after(() => writer.terminate());
  t.after(() => reader.terminate());
  const update = new TextWriter(1).type('a');
  writer.edit(update);
  assert.deepEqual(new Uint8Array((await reader.next('update')).update), update);
  await writer.saved();
  await writer.close();
  assert.equal((await writer.closed).code, 1005);
});

test('a raw client that waits learns that the socket closed', async (t) => {
  const relay = await startRelay(t);
  const client = await RawClient.open(`${relay.url}/a`);
  const waiting = assert.rejects(client.next('update'), /socket closed/);
  await relay.process.kill();
  await waiting;
  assert.equal((await client.closed).code, 1006);
});

test('stock clients find each other through the relay, and a raw client types with them', async (t) => {
  const relay = await startRelay(t);
  const [ann, bob] = [new StockClient(relay.url, 'a'), new StockClient(relay.url, 'a')];
  t.after(() => ann.destroy());
  t.after(() => bob.destroy());
  await Promise.all([ann.synced(), bob.synced()]);
  const writer = await RawClient.open(`${relay.url}/a`);
  t.after(() => writer.terminate());
  writer.edit(new TextWriter(1).type('raw '));
  await ann.until(() => ann.content === 'raw ', 'the raw edit');
  ann.text.insert(4, 'stock');
  await bob.until(() => bob.content === 'raw stock', 'both edits');
  await ann.saved();
});

test('the CPU time and the memory of a server process can be read', async (t) => {
  const { process: server } = await startRelay(t);
  const { cpuMicros, rssBytes, pssBytes } = server.usage();
  assert.ok(cpuMicros > 10_000 && cpuMicros < 5e6, `cpu ${cpuMicros}`);
  assert.ok(rssBytes > 20e6 && pssBytes > 10e6 && pssBytes <= rssBytes, `rss ${rssBytes} pss ${pssBytes}`);
  assert.ok(server.openFiles() > 5);
  assert.deepEqual(await server.stop(), { code: null, signal: 'SIGTERM' });
});
