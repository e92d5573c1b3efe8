import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseConfig } from '../../server/config/config.ts';
import { checkMachine } from '../../server/doctor/local-checks.ts';
import { machine } from '../../server/doctor/machine.ts';
import type { LocalState } from '../../server/doctor/machine.ts';
import { makeDatabase, partsOf, tablesIn } from '../support/stored-tables.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function checkDamaged(t: TestContext, byte: (filter: number) => number): Promise<[string, LocalState]> {
  const folder = tempFolder(t);
  const documents = join(folder, 'documents');
  await makeDatabase(documents);
  const path = join(documents, tablesIn(documents).at(-1)!);
  const { bytes, filter } = partsOf(path);
  bytes[byte(filter)]! ^= 4;
  writeFileSync(path, bytes);
  const before = readdirSync(documents);
  const local = {
    ...machine,
    openFilesLimit: () => Promise.resolve(null),
    fsyncsMs: () => Promise.resolve([1]),
    freeBytes: () => Promise.resolve(1e12),
    verifyBudgetMs: Infinity,
  };
  const state = await checkMachine(parseConfig(['--data', folder], {}), local);
  assert.deepEqual(readdirSync(documents), before);
  assert.deepEqual(readFileSync(path), bytes);
  return [path, state];
}

test('a damaged block of a table is named with its file, its place and its document, and nothing is changed', async (t) => {
  const [path, { findings }] = await checkDamaged(t, (filter) => filter >>> 1);
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['local-database-unreadable', 'local-document-damaged'],
  );
  const { sentence } = findings[0]!;
  assert.ok(sentence.includes(`${path} is damaged at byte `), sentence);
  assert.match(sentence, /checksum of a block is wrong\. Records of the document "victim" cannot be read/);
  assert.doesNotMatch(sentence, /kept/, 'only the image was changed, of which no copy is needed');
});

test('a damaged filter is named, and that nothing is lost', async (t) => {
  const [path, { findings }] = await checkDamaged(t, (filter) => filter + 9);
  const { sentence } = findings[0]!;
  assert.ok(sentence.includes(`${path} is damaged at byte `), sentence);
  assert.match(sentence, /filter is wrong\. Nothing is lost/);
});
