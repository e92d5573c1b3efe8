import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { paced, within } from '../support/deadline.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';

const people = 30;
const rounds = 3;

/** Many small items, so that reading the edit takes more than the budget of a turn. */
function largeEdit(clientId: number): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const text = doc.getText('text');
  doc.transact(() => {
    for (let i = 0; i < 60_000; i++) text.insert(0, String(i % 10));
  });
  return Y.encodeStateAsUpdate(doc);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await paced(50);
}

test('clients that close while a large edit of another document is parsed leave no state behind', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--idle-room-timeout', '100ms'] });
  const writer = await RawClient.open(`${quire.url}/large`);
  t.after(() => writer.terminate());
  await writer.sync();
  const present = new Set<number>();
  const watcher = await RawClient.open(`${quire.url}/people`, {
    onFrame: (frame) => {
      if (frame.type !== 'awareness') return;
      for (const { client, state } of frame.entries) {
        if (state === null) present.delete(client);
        else present.add(client);
      }
    },
  });
  t.after(() => watcher.terminate());

  for (let round = 0; round < rounds; round++) {
    const clients = await Promise.all(Array.from({ length: people }, () => RawClient.open(`${quire.url}/people`)));
    for (const [i, client] of clients.entries()) {
      await client.sync();
      client.send({
        type: 'awareness',
        entries: [{ client: 1_000 * (round + 1) + i, clock: 1, state: '{"user":"ann"}' }],
      });
      await client.saved();
    }
    await within(
      60_000,
      () => `presence of ${people}; so far ${present.size}`,
      until(() => present.size === people),
    );
    writer.edit(largeEdit(round + 1));
    // Spread over the turns in which the edit arrives and is parsed.
    for (const client of clients) {
      void client.close();
      await paced(1);
    }
    await within(60_000, 'the close of each client', Promise.all(clients.map(({ closed }) => closed)));
    const counts = async (): Promise<number[]> => {
      const metrics = await metricsOf(quire);
      return ['quire_connections', 'quire_sessions'].map((name) => metrics.get(name) ?? -1);
    };
    const gone = until(async () => (await counts()).every((count) => count === 2));
    await within(60_000, 'the end of each connection and session', gone);
    await within(
      60_000,
      () => `the end of ${present.size} in presence`,
      until(() => present.size === 0),
    );
  }

  assert.deepEqual(await quire.process.stop(60_000), { code: 0, signal: null });
  assert.match(quire.process.output, /"stopped"/);
});
