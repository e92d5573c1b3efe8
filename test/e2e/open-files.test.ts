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
/** The server keeps 200 of them for itself, and uses nine tenths of the rest for WebSockets. */
const maxConnections = 450;
const attempts = 1_500;
const atOnce = 50;
/** More sockets than are left for requests. */
const idleSockets = 150;
/** More than 4 MB, after which LevelDB needs another file, and than 256 KB, after which a worker thread folds. */
const edits = 60;
const editBytes = 100_000;

test('I7: clients beyond the limit of open files are refused, and edits are still committed', async (t) => {
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

  // Silent sockets are not WebSockets, and are cut off when file descriptors run out.
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

/** No event shows when the server has noticed that sockets are closed, so the test polls. */
async function metricsAgain(quire: Quire): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    try {
      return await metricsOf(quire);
    } catch {
      await paced(50);
    }
  }
}
