import assert from 'node:assert/strict';
import { test } from 'node:test';
import { within } from '../support/deadline.ts';
import type { Frame } from '../support/frames.ts';
import { Inspector, inspectorArgs } from '../support/inspector.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { TextWriter } from '../support/text-writer.ts';

/** Much more than the server may keep for one reader, the kernel's buffers of both sides included. */
const floodBytes = 48_000_000;
const editBytes = 64_000;
/** What the server may hold more at the end than before: the outbox of one reader, and the room's tail. */
const maxGrowthBytes = 24_000_000;
/** Of somebody else's document, while the flood goes on. */
const maxProbeMedianMs = 50;

test('I7: one who does not read costs a bounded amount of memory and is closed, and nobody else waits for them', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', nodeArgs: inspectorArgs });
  const inspector = await Inspector.attach(quire.process);
  t.after(() => inspector.close());
  const open = async (doc: string, onFrame?: (frame: Frame) => void): Promise<RawClient> => {
    const client = await RawClient.open(`${quire.url}/${doc}`, onFrame ? { onFrame } : {});
    t.after(() => client.terminate());
    return client;
  };
  const slow = await open('flooded', () => {});
  const bystander = await open('elsewhere');
  let received = 0;
  let onReceived: (() => void) | null = null;
  const reader = await open('flooded', (frame) => {
    if (frame.type !== 'update') return;
    received += frame.update.length;
    onReceived?.();
  });
  const author = await open('flooded');
  for (const client of [slow, reader]) client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await Promise.all([author.sync(), bystander.sync()]);
  const before = await inspector.heap();
  slow.pauseReading();

  const writer = new TextWriter(1);
  const probesMs: number[] = [];
  for (let sent = 0; sent < floodBytes; sent += editBytes) {
    author.edit(writer.type('x'.repeat(editBytes)));
    const sinceMs = performance.now();
    await bystander.saved();
    probesMs.push(performance.now() - sinceMs);
  }
  await within(
    20_000,
    () => `${floodBytes - received} bytes at the reader who reads`,
    new Promise<void>((resolve) => {
      onReceived = () => {
        if (received >= floodBytes) resolve();
      };
      onReceived?.();
    }),
  );
  slow.resumeReading();
  const { code, reason } = await within(20_000, 'the end of the slow reader', slow.closed);
  // 4529 if the close frame still got through, 1006 if the socket was ended by force.
  assert.ok(code === 4529 || code === 1006, `closed with ${code} ${reason}`);
  assert.ok(slow.bytesReceived < floodBytes, 'the slow reader was not sent everything');
  assert.ok(reader.isOpen && author.isOpen);

  const after = await inspector.heap();
  const growth = after.heapUsed + after.external - before.heapUsed - before.external;
  const medianMs = probesMs.sort((a, b) => a - b)[Math.floor(probesMs.length / 2)] ?? NaN;
  t.diagnostic(
    `grown by ${(growth / 1e6).toFixed(1)} MB; probe elsewhere ${medianMs.toFixed(1)} ms; closed with ${code}`,
  );
  assert.ok(medianMs <= maxProbeMedianMs, `somebody else waited ${medianMs} ms`);
  assert.ok(growth <= maxGrowthBytes, `memory grew by ${growth} bytes`);
});
