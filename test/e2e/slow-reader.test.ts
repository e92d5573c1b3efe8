import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardMs, within } from '../support/deadline.ts';
import { emptyStateVector } from '../support/frames.ts';
import { Inspector, inspectorArgs } from '../support/inspector.ts';
import { kernelBufferBytes } from '../support/kernel-buffers.ts';
import { mainThreadCpuMs } from '../support/main-thread-cpu.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { assertTook } from '../support/slowness.ts';
import { TextWriter } from '../support/text-writer.ts';

const editBytes = 64_000;
/** The bound of an outbox, which equals the largest message. */
const outboxBytes = 2_000_000;
const kernelBytes = kernelBufferBytes();
const floodBytes = outboxBytes + kernelBytes + 10_000_000;
/** Median CPU time of the server before it answers a client of another document during the flood. */
const maxProbeMedianMs = 50;

test('I7: a client that does not read is closed when its outbox is full, and no other client waits for it', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--max-message-size', `${outboxBytes / 1e6}MB`] });
  const open = async (doc: string, onUpdate?: (update: Uint8Array) => void): Promise<RawClient> => {
    const client = await RawClient.open(
      `${quire.url}/${doc}`,
      onUpdate ? { onFrame: (frame) => (frame.type === 'update' ? onUpdate(frame.update) : undefined) } : {},
    );
    t.after(() => client.terminate());
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    return client;
  };
  let received = 0;
  let complete: (() => void) | null = null;
  const all = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const reader = await open('flooded', (update) => {
    received += update.length;
    if (received >= floodBytes) complete?.();
  });
  const slow = await open('flooded', () => {});
  slow.pauseReading();
  const [author, bystander] = await Promise.all([open('flooded'), open('elsewhere')]);

  const writer = new TextWriter(1);
  const probesMs: number[] = [];
  const computedMs = (): number => mainThreadCpuMs(quire.process.pid) ?? 0;
  for (let sent = 0; sent < floodBytes; sent += editBytes) {
    author.edit(writer.type('x'.repeat(editBytes)));
    const sinceMs = computedMs();
    await bystander.saved();
    probesMs.push(computedMs() - sinceMs);
  }
  await within(guardMs, () => `${floodBytes - received} bytes at the reader who reads`, all);
  assert.ok(reader.isOpen && author.isOpen);
  slow.resumeReading();
  const { code, reason } = await within(guardMs, 'the end of the slow reader', slow.closed);
  // 4529 if the close frame arrived, 1006 if the socket was ended by force.
  assert.ok(code === 4529 || code === 1006, `closed with ${code} ${reason}`);
  assert.ok(slow.bytesReceived <= outboxBytes + kernelBytes, `it was sent ${slow.bytesReceived} bytes`);

  const medianMs = probesMs.sort((a, b) => a - b)[Math.floor(probesMs.length / 2)] ?? NaN;
  t.diagnostic(
    `sent ${slow.bytesReceived} of ${floodBytes} bytes; closed with ${code}; ${medianMs.toFixed(1)} ms of the server's work before others are answered`,
  );
  assertTook(medianMs, maxProbeMedianMs, 'before somebody else was answered, the server worked for');
});

const documentBytes = 2_000_000;
const questions = 200;
/** The document, its snapshot and the bytes in transit. All answers together would be 400 MB. */
const maxGrowthBytes = 40_000_000;

test('I7: a client that requests a document repeatedly and does not read uses bounded memory', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', nodeArgs: inspectorArgs });
  const inspector = await Inspector.attach(quire.process);
  t.after(() => inspector.close());
  const url = `${quire.url}/asked`;
  const author = await RawClient.open(url);
  t.after(() => author.terminate());
  const writer = new TextWriter(1);
  author.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  author.edit(writer.type('x'.repeat(documentBytes)));
  await author.saved();
  const before = await inspector.heap();

  const asking = await RawClient.open(url, { onFrame: () => {} });
  t.after(() => asking.terminate());
  asking.pauseReading();
  for (let question = 0; question < questions; question++) {
    asking.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    // After the request, so that the server has processed it.
    await author.saved();
  }
  const after = await inspector.heap();
  const growth = after.heapUsed + after.external - before.heapUsed - before.external;
  t.diagnostic(`grown by ${(growth / 1e6).toFixed(1)} MB`);
  assert.ok(growth <= maxGrowthBytes, `memory grew by ${growth} bytes`);
});
