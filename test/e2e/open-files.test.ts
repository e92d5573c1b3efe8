import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { TextWriter } from '../support/text-writer.ts';

const openFiles = 700;
/** What the server makes of them: 200 for itself, and nine in ten of the rest. */
const maxConnections = 450;
const attempts = 1_500;
const atOnce = 50;
/** More than are left for requests. */
const idleSockets = 150;
/** More than the 4 MB after which LevelDB needs another file, and than the 256 KB after which a worker thread folds. */
const edits = 60;
const editBytes = 100_000;

test('I7: whoever is one too many for the files it may open is refused, and edits are committed all the same', async (t) => {
  const many = ['--max-connections-per-address', '--max-connect-rate-per-address', '--max-open-rate-per-address'];
  const quire = await Quire.start(t, { tls: 'off', openFiles, args: many.flatMap((flag) => [flag, '5000']) });
  await quire.process.find(
    (line) => /fewer connections than --max-connections.*ulimit -n/.exec(line)?.[0],
    'a warning',
  );

  const author = await RawClient.open(`${quire.url}/doc`);
  const clients = [author];
  t.after(() => clients.forEach((client) => client.terminate()));
  await author.sync();
  const refusals: string[] = [];
  for (let begun = 1; begun < attempts; begun += atOnce) {
    const opened = Array.from({ length: atOnce }, () => RawClient.open(`${quire.url}/doc`, { onFrame: () => {} }));
    for (const result of await Promise.allSettled(opened)) {
      if (result.status === 'fulfilled') clients.push(result.value);
      else refusals.push(String(result.reason));
    }
  }
  assert.equal(clients.length, maxConnections);
  assert.ok(
    refusals.every((refusal) => refusal.includes('503')),
    'all are told',
  );
  const metrics = await metricsOf(quire);
  assert.equal(metrics.get('quire_limits_reached_total{limit="connections"}'), refusals.length);

  // Sockets that say nothing are no WebSockets: they are cut off when files run out.
  const port = Number(new URL(quire.url).port);
  const sockets = Array.from({ length: idleSockets }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  await within(guardMs, 'sockets that are cut off', Promise.any(sockets.map((socket) => once(socket, 'close'))));

  const writer = new TextWriter(1);
  for (let edit = 0; edit < edits; edit++) {
    author.edit(writer.type('x'.repeat(editBytes)));
    await author.saved();
  }
  sockets.forEach((socket) => socket.destroy());
  const counted = await within(guardMs, 'room for a request', metricsAgain(quire));
  assert.ok((counted.get('quire_accepts_failed_total') ?? 0) > 0);
  assert.equal(counted.get('quire_storage_failures_total'), 0);
  assert.equal(counted.get('quire_compactions_failed_total'), 0);
  assert.equal(counted.get('quire_connections'), maxConnections);
});

/** Nothing tells when the server has seen that sockets are gone, so it is asked again. */
async function metricsAgain(quire: Quire): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    try {
      return await metricsOf(quire);
    } catch {
      await paced(50);
    }
  }
}
