import assert from 'node:assert/strict';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { RevocationList, RevocationListError } from '../../../server/auth/revocation-list.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const grant: Grant = { userId: 'u1', person: null, docId: 'doc', access: 'read', untilMs: null, tokenId: 't1' };

function setUp(t: TestContext) {
  const folder = tempFolder(t);
  const path = join(folder, 'revoked.json');
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => lines.push(line) });
  const publish = (text: string): void => {
    // An atomic replacement: written in full, then renamed.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  return { folder, path, lines, publish, open: () => RevocationList.open(path, logger) };
}

test('listed tokens and users are revoked, others are not', (t) => {
  const { publish, open } = setUp(t);
  publish('{"tokens": ["t1"], "users": ["u2"]}');
  const list = open();
  assert.equal(list.has(grant), true);
  assert.equal(list.has({ ...grant, tokenId: 't2' }), false);
  assert.equal(list.has({ ...grant, tokenId: null }), false);
  assert.equal(list.has({ ...grant, tokenId: null, userId: 'u2' }), true);
  publish('{}');
  assert.equal(open().isEmpty, true);
});

test('a changed list is read, also through a symlink; after a broken or missing one the last stays in force', (t) => {
  const { folder, path, publish, open, lines } = setUp(t);
  publish('{}');
  const list = open();
  list.reload();
  assert.equal(lines.length, 0);
  publish('{"users": ["u1"]}');
  list.reload();
  assert.equal(list.has(grant), true);
  for (const broken of ['{"users": ', '{"users": "u2"}', '{"tokens": [1]}']) {
    publish(broken);
    list.reload();
    assert.equal(list.has(grant), true);
    assert.match(lines.at(-1) ?? '', /"level":50.*stays in force/);
  }
  rmSync(path);
  list.reload();
  list.reload();
  assert.equal(list.has(grant), true);
  const said = lines.length;
  list.reload();
  assert.equal(lines.length, said);
  writeFileSync(join(folder, 'next'), '{"users": []}');
  symlinkSync(join(folder, 'next'), path);
  list.reload();
  assert.equal(list.has(grant), false);
});

test('an unreadable list at the start is an error that names the file', (t) => {
  const { publish, open } = setUp(t);
  assert.throws(open, RevocationListError);
  publish('[]');
  assert.doesNotThrow(open);
  publish('{"tokens": {}}');
  assert.throws(open, /must be \{"tokens": \[strings\]/);
});
