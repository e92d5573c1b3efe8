import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { DocumentKeys } from '../../persistence/engine/keys.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { inDatabase } from '../support/raw-database.ts';
import { StockClient } from '../support/stock-client.ts';

test('I8: a damaged document ends its sessions with 4503, and the log names the damage at level error', async (t) => {
  const quire = await Quire.start(t, { tls: 'off' });
  for (const docId of ['damaged', 'sound']) {
    const author = new StockClient(quire.url, docId);
    t.after(() => author.destroy());
    await author.synced();
    author.text.insert(0, docId);
    await author.saved();
    author.provider.disconnect();
  }
  await quire.process.stop();
  const { meta } = new DocumentKeys('damaged');
  await inDatabase(join(quire.dataFolder, 'documents'), async (database) => {
    const value = Uint8Array.from((await database.get(meta)) ?? assert.fail('There is no such document'));
    value[value.length - 1]! ^= 1;
    await database.put(meta, value);
  });
  await quire.restart();
  const client = await RawClient.open(`${quire.url}/damaged`);
  assert.deepEqual(await client.closed, { code: 4503, reason: 'stored document is damaged' });
  const line = await quire.process.find((text) => {
    if (!text.includes('session failed')) return undefined;
    return JSON.parse(text) as { level: number; docId: string; err: { message: string; docId: string } };
  }, 'the damage is logged');
  assert.equal(line.level, 50);
  assert.equal(line.docId, 'damaged');
  assert.match(line.err.message, /meta or snapshot head: its checksum is wrong/);
  const other = new StockClient(quire.url, 'sound');
  t.after(() => other.destroy());
  await other.synced();
  assert.equal(other.content, 'sound');
});
