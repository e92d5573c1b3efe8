import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceFile } from '../../../server/files/replace-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';

test('a file is replaced as a whole, with its mode, and no other file is left', (t) => {
  const folder = tempFolder(t);
  const path = join(folder, 'key.pem');
  writeFileSync(path, 'old');
  replaceFile(path, 'new', 0o600);
  assert.equal(readFileSync(path, 'utf8'), 'new');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['key.pem']);
});

test('a link in place of the file, or of the temporary file of older versions, is not followed', (t) => {
  const folder = tempFolder(t);
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'precious');
  const path = join(folder, 'key.pem');
  symlinkSync(precious, path);
  symlinkSync(precious, `${path}.${process.pid}.tmp`);
  replaceFile(path, 'new', 0o600);
  assert.equal(readFileSync(precious, 'utf8'), 'precious');
  assert.equal(readFileSync(path, 'utf8'), 'new');
});

test('a replacement that fails leaves no temporary file', (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'key.pem', 'inside'), { recursive: true });
  assert.throws(() => replaceFile(join(folder, 'key.pem'), 'new', 0o600), { code: 'EISDIR' });
  assert.deepEqual(readdirSync(folder), ['key.pem']);
});
