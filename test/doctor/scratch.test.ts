/** The doctor edits a scratch document, of which nothing may stay in the data folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Quire } from '../support/quire.ts';
import { inDatabase } from '../support/raw-database.ts';
import { gateway } from './peers.ts';
import { StockClient } from '../support/stock-client.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

/** Kinds of the records and the documents that they belong to. */
async function recordsIn(quire: Quire): Promise<string[]> {
  const keys = await inDatabase(join(quire.dataFolder, 'documents'), (database) => database.keys().all());
  return keys.map((key) => Buffer.from(key).toString('latin1'));
}

/** A proxy that replaces the path, so that /sync/ does not show where names begin. */
function pass(head: string): { readonly pass: string } {
  return { pass: head.replace('/docs/', '/sync/') };
}

test('after runs of the doctor and the end of the server, no scratch document or other record is left', async (t) => {
  const quire = await Quire.start(t, { tls: 'off' });
  const proxy = await gateway(t, Number(new URL(quire.url).port), pass);
  for (const url of [`${quire.url}/doc`, `${quire.url}/notes/2026/todo`, `ws://127.0.0.1:${proxy}/docs/notes/todo`]) {
    const doctor = spawn(process.execPath, [script, 'doctor', url], { stdio: 'ignore' });
    const [status] = (await once(doctor, 'exit')) as [number];
    assert.equal(status, 0);
  }
  await quire.process.stop();
  assert.deepEqual(await recordsIn(quire), ['F']);
});

test('when doctor and server are killed during an examination, the next start erases the scratch document', async (t) => {
  const quire = await Quire.start(t, { tls: 'off' });
  const client = new StockClient(quire.url, 'quire-doctor/killed');
  await client.synced();
  client.text.insert(0, 'x'.repeat(1_000_000));
  await client.saved();
  await quire.process.kill();
  client.destroy();
  assert.equal(
    (await recordsIn(quire)).some((record) => record.startsWith('E')),
    true,
    'it was on disk',
  );
  await quire.restart();
  await quire.process.stop();
  assert.deepEqual(await recordsIn(quire), ['F']);
});
