import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { LogError } from '../../../persistence/errors.ts';
import type { LogErrorCode } from '../../../persistence/errors.ts';
import { openDatabase } from '../../../persistence/level/database.ts';
import { faultOf } from '../../../persistence/level/file-errors.ts';
import { formatKey } from '../../../persistence/engine/keys.ts';
import { sealFormat } from '../../../persistence/engine/records.ts';
import { inDatabase } from '../../support/raw-database.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const create = { mayCreate: true };

suite('openDatabase', () => {
  test('creates a database in a missing or empty folder, accessible only to its owner, and opens it again', async (t) => {
    const folder = join(tempFolder(t), 'some', 'where');
    await (await openDatabase(folder, create)).close();
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.deepEqual(
      (await readdir(folder)).filter((file) => file === 'CREATING'),
      [],
    );
    await (await openDatabase(folder, { mayCreate: false })).close();
    await (await openDatabase(tempFolder(t), create)).close();
  });

  test('refuses a database that another process has open, and does not harm it', async (t) => {
    const folder = tempFolder(t);
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../support/log-child.js'), folder, 'fsync'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'open');
    await rejects(openDatabase(folder, create), 'LOG_LOCKED', /Another process uses the database in .* Stop it/);
    const before = Number((await lines.next()).value);
    for (let i = 1; i <= 100; i += 1) assert.equal(Number((await lines.next()).value), before + i);
  });

  test('refuses a database of a newer version', async (t) => {
    const folder = await created(tempFolder(t));
    await inDatabase(folder, (database) =>
      database.put(formatKey, sealFormat(formatKey, { program: 'quire', version: 2 })),
    );
    await rejects(openDatabase(folder, create), 'LOG_TOO_NEW', /format 2.* up to 1.* newer version/);
  });

  test('refuses a folder with other files, and leaves them unchanged', async (t) => {
    const folder = tempFolder(t);
    await writeFile(join(folder, 'holiday.jpg'), 'precious');
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS', /choose an empty folder/);
    assert.deepEqual(await readdir(folder), ['holiday.jpg']);
  });

  test('refuses the database of another program, even an empty one', async (t) => {
    const folder = tempFolder(t);
    await inDatabase(folder, () => Promise.resolve());
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS');
    await inDatabase(folder, (database) => database.put(Buffer.from('key'), Buffer.from('value')));
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS');
  });

  test('never creates a database over one that has lost its CURRENT file, even with the mark of a first start (I1)', async (t) => {
    const folder = await created(tempFolder(t));
    // Makes LevelDB write a table.
    await inDatabase(folder, (database) => database.put(Buffer.from('key'), Buffer.from('value')));
    await inDatabase(folder, () => Promise.resolve());
    await rm(join(folder, 'CURRENT'));
    const before = await readdir(folder);
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS', /CURRENT/);
    await writeFile(join(folder, 'CREATING'), '');
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS');
    assert.deepEqual(await readdir(folder), ['CREATING', ...before].sort());
  });

  test('repeats a first start that was killed at any point', async (t) => {
    const early = tempFolder(t);
    await writeFile(join(early, 'CREATING'), '');
    await writeFile(join(early, 'MANIFEST-000001'), 'half');
    await writeFile(join(early, 'LOCK'), '');
    await (await openDatabase(early, create)).close();

    const late = tempFolder(t);
    await inDatabase(late, () => Promise.resolve());
    await writeFile(join(late, 'CREATING'), '');
    await (await openDatabase(late, create)).close();
    assert.equal((await readdir(late)).includes('CREATING'), false);
  });

  test('never creates a database when it reopens after a failure, because the disk may be unmounted', async (t) => {
    const folder = tempFolder(t);
    await rejects(openDatabase(folder, { mayCreate: false }), 'LOG_NOT_OURS');
    await rejects(openDatabase(join(folder, 'missing'), { mayCreate: false }), 'LOG_NOT_WRITABLE');
    assert.deepEqual(await readdir(folder), []);
  });

  test('does not write through a link that another user has put in place of its mark', async (t) => {
    const precious = join(tempFolder(t), 'precious');
    await writeFile(precious, 'precious');
    const folder = tempFolder(t);
    await symlink(precious, join(folder, 'CREATING'));
    await rejects(openDatabase(folder, create), 'LOG_NOT_WRITABLE', /CREATING is a symbolic link.*Move it away/);
    assert.equal(await readFile(precious, 'utf8'), 'precious');
  });

  test('reports a folder that cannot be used', async (t) => {
    const folder = tempFolder(t);
    await writeFile(join(folder, 'file'), '');
    await rejects(
      openDatabase(join(folder, 'file', 'below'), create),
      'LOG_NOT_WRITABLE',
      /\/file is not a directory.*must exist or be creatable/,
    );
    await rejects(openDatabase(join(folder, 'file'), create), 'LOG_NOT_WRITABLE', /\/file is not a directory/);
  });

  test('distinguishes a lock of another process, a file system without locks, and disk errors', async (t) => {
    const folder = tempFolder(t);
    const cases: readonly [string, string, RegExp][] = [
      ['LEVEL_LOCKED', 'lock {}/LOCK: Resource temporarily unavailable', /Another process uses the database.*Stop it/],
      ['LEVEL_LOCKED', 'lock {}/LOCK: already held by process', /Another process uses the database/],
      [
        'LEVEL_LOCKED',
        'lock {}/LOCK: No locks available',
        /cannot lock files \(No locks available\).*rpc\.statd.*nobrl/,
      ],
      ['LEVEL_LOCKED', 'lock {}/LOCK: Function not implemented', /cannot lock files.*local disk/],
      ['LEVEL_LOCKED', 'lock {}/LOCK: Operation not supported', /cannot lock files/],
      ['LEVEL_IO_ERROR', '{}/000005.ldb: Input/output error', /disk returned an error for .*000005\.ldb.*smartctl/],
      ['LEVEL_IO_ERROR', '{}/LOCK: Stale file handle', /disk returned an error/],
      ['LEVEL_IO_ERROR', '{}/MANIFEST-000002: Disk quota exceeded', /quota.*Raise the quota/],
      ['LEVEL_IO_ERROR', '{}/MANIFEST-000002: No space left on device', /No space is left.*enlarge/],
      ['LEVEL_IO_ERROR', '{}/LOCK: Read-only file system', /mounted read-only.*dmesg/],
      ['LEVEL_IO_ERROR', '{}/000007.log: Too many open files', /may not open another file.*ulimit/],
      ['LEVEL_IO_ERROR', '{}/LOCK: Unheard of', /cannot be used \(Unheard of\)/],
    ];
    for (const [code, message, expected] of cases) {
      const cause = Object.assign(new Error(`IO error: ${message.replace('{}', folder)}`), { code });
      const fault = await faultOf(folder, new Error('Database failed to open', { cause }));
      assert.match(fault.message, expected);
      assert.doesNotMatch(fault.message, /\{\w+\}/);
    }
  });

  test('reports a database that is damaged as a whole', async (t) => {
    const folder = await created(tempFolder(t));
    await writeFile(join(folder, 'CURRENT'), 'nonsense');
    await rejects(openDatabase(folder, create), 'LOG_DAMAGED', /Restore a backup/);

    const flipped = await created(tempFolder(t));
    await inDatabase(flipped, (database) => database.put(formatKey, Buffer.from('nonsense')));
    await rejects(openDatabase(flipped, create), 'LOG_DAMAGED');
  });

  test('opens a database that was refused once the cause is gone', async (t) => {
    const folder = await created(tempFolder(t));
    const first = await openDatabase(folder, create);
    await rejects(openDatabase(folder, create), 'LOG_LOCKED');
    await first.close();
    await (await openDatabase(folder, create)).close();
  });

  test('refuses a folder that contains only another folder', async (t) => {
    const folder = tempFolder(t);
    await mkdir(join(folder, 'lost+found'));
    await rejects(openDatabase(folder, create), 'LOG_NOT_OURS');
  });
});

async function created(folder: string): Promise<string> {
  await (await openDatabase(folder, create)).close();
  return folder;
}

function rejects(action: Promise<unknown>, code: LogErrorCode, message = /./): Promise<void> {
  return assert.rejects(action, (error) => {
    assert.ok(error instanceof LogError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}
