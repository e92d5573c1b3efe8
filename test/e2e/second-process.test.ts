import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guardMs, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StockClient } from '../support/stock-client.ts';
import { TextWriter } from '../support/text-writer.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

test('a second process on the same data folder ends with a readable error, and the first continues', async (t) => {
  const quire = await Quire.start(t);
  const client = await RawClient.open(`${quire.url}/a`);
  t.after(() => client.terminate());
  await client.sync();
  const writer = new TextWriter(1);
  client.edit(writer.type('before'));
  await client.saved();

  const args = ['serve', '--data', quire.dataFolder, '--port', '0', '--plain-port', '0'];
  const second = new ServerProcess({ script, args });
  t.after(() => second.kill());
  const { code } = await within(guardMs, 'the end of the second process', second.exited);
  assert.equal(code, 1);
  assert.match(second.output, /locked|another process|in use/i);
  assert.doesNotMatch(second.output, /^\s+at /m, 'a sentence, not a stack');

  client.edit(writer.type(' and after'));
  await client.saved();
  const reader = new StockClient(quire.url, 'a');
  t.after(() => reader.destroy());
  await reader.until(() => reader.content === 'before and after', 'what was written before and after');
});
