import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, fstatSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machine } from '../../server/doctor/machine.ts';
import { withOwnFile, withOwnFolder } from '../../server/doctor/own-files.ts';
import { treeOf } from '../support/folder-tree.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('the fsync measurement does not follow a planted link, and leaves the folder unchanged', async (t) => {
  const folder = tempFolder(t);
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'precious');
  symlinkSync(precious, join(folder, `.quire-doctor-${process.pid}`));
  const before = treeOf(folder);
  assert.equal((await machine.fsyncsMs(folder)).length, 20);
  assert.deepEqual(treeOf(folder), before);
  assert.equal(readFileSync(precious, 'utf8'), 'precious');
});

test('on a file system without O_TMPFILE the file has a random name, and is removed', async (t) => {
  const folder = tempFolder(t);
  if (spawnSync('mount', ['-t', 'ramfs', 'ramfs', folder]).status !== 0) {
    t.skip('mounting a file system needs root');
    return;
  }
  try {
    const first = await nameOfOwnFile(folder);
    assert.notEqual(await nameOfOwnFile(folder), first);
    const failing = withOwnFile(folder, () => Promise.reject(new Error('a fault')));
    await assert.rejects(failing, /a fault/);
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    spawnSync('umount', ['-l', folder]);
  }
});

async function nameOfOwnFile(folder: string): Promise<string> {
  const name = await withOwnFile(folder, async (descriptor) => {
    const [found = ''] = readdirSync(folder);
    assert.equal(fstatSync(descriptor).ino, statSync(join(folder, found)).ino);
    assert.equal(fstatSync(descriptor).mode & 0o777, 0o600);
    return found;
  });
  assert.match(name, /^\.quire-doctor-[0-9a-f-]{36}$/);
  assert.deepEqual(readdirSync(folder), []);
  return name;
}

test('only this user can open an own folder, which is also removed after an error', async (t) => {
  const parent = tempFolder(t);
  let made = '';
  const failing = withOwnFolder([join(parent, 'none'), parent], (folder) => {
    made = folder;
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    writeFileSync(join(folder, 'file'), 'x');
    return Promise.reject(new Error('a fault'));
  });
  await assert.rejects(failing, /a fault/);
  const nowhere = withOwnFolder([join(parent, 'first'), join(parent, 'second')], () => Promise.resolve());
  await assert.rejects(nowhere, /ENOENT.*first/);
  assert.ok(made !== '' && !existsSync(made));
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} removes all own files and ends the process`, async (t) => {
    const parent = tempFolder(t);
    const child = fork(join(import.meta.dirname, 'own-files-child.js'), [parent]);
    t.after(() => child.kill('SIGKILL'));
    await once(child, 'message');
    assert.equal(readdirSync(parent).length > 0, true);
    child.kill(signal);
    const [, ending] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    assert.equal(ending, signal);
    assert.deepEqual(readdirSync(parent), []);
  });
}
