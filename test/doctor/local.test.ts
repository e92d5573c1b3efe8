import assert from 'node:assert/strict';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../persistence/level/database.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import { parseConfig } from '../../server/config/config.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { examineLocal } from '../../server/doctor/examine-local.ts';
import { machine } from '../../server/doctor/machine.ts';
import type { LocalDeps } from '../../server/doctor/machine.ts';
import { openDevCertificate } from '../../server/tls/dev-certificate.ts';
import { Authority, writePair } from '../support/authority.ts';
import { guardMs } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { tlsPeer } from './peers.ts';

const dayMs = 86_400_000;
const deps: DoctorDeps = {
  lookup: () => Promise.reject(new Error('the doctor knows its own address')),
  now: Date.now,
  monotonicMs: () => performance.now(),
  stepTimeoutMs: guardMs,
  idleMs: null,
  proxyIdleMs: 60_000,
};
/** A machine without faults, independent of the machine that runs the test. */
const sound: LocalDeps = {
  ...machine,
  freeBytes: () => Promise.resolve(100 * 1024 ** 3),
  fsyncsMs: () => Promise.resolve([1]),
  openFilesLimit: () => Promise.resolve(1_000_000),
};

async function codes(args: readonly string[], local: Partial<LocalDeps> = {}): Promise<readonly string[]> {
  const { findings } = await examineLocal(parseConfig(args, {}), null, deps, { ...sound, ...local });
  return findings.map(({ code }) => code);
}

/** Port 1 of loopback: nothing listens there. */
const off = (data: string): string[] => ['--data', data, '--tls', 'off', '--port', '1'];
const notRunning = 'local-not-running';

function gigabytes(count: number): Partial<LocalDeps> {
  return { freeBytes: () => Promise.resolve(count * 1024 ** 3) };
}

async function database(folder: string): Promise<string> {
  const documents = join(folder, 'documents');
  await (await openDatabase(documents, { mayCreate: true })).close();
  return documents;
}

test('a healthy server on this machine has no findings', async (t) => {
  const quire = await Quire.start(t);
  const { port } = new URL(quire.wssUrl);
  assert.deepEqual(await codes(['--data', quire.dataFolder, '--port', port]), []);
});

test('faults of the machine are named', async (t) => {
  const folder = tempFolder(t);
  const args = off(folder);
  assert.deepEqual(await codes(args), [notRunning]);
  assert.deepEqual(await codes(off(join(folder, 'none'))), ['local-folder-missing', notRunning]);
  assert.deepEqual(await codes(args, gigabytes(0.01)), ['local-disk-full', notRunning]);
  assert.deepEqual(await codes(args, gigabytes(0.2)), ['local-disk-low', notRunning]);
  assert.deepEqual(await codes(args, { fsyncsMs: () => Promise.resolve([80, 90, 100]) }), [
    'local-fsync-slow',
    notRunning,
  ]);
  assert.deepEqual(await codes(args, { openFilesLimit: () => Promise.resolve(1024) }), [
    'local-file-limit',
    notRunning,
  ]);
});

test('a file system without locks or inodes is named', async (t) => {
  const args = off(tempFolder(t));
  const fault = new StorageFault('no-locks', { folder: 'x', reason: 'No locks available' });
  assert.deepEqual(await codes(args, { probeLocks: () => Promise.reject(fault) }), ['local-no-locks', notRunning]);
  assert.deepEqual(await codes(args, { freeInodes: () => Promise.resolve(0) }), ['local-no-inodes', notRunning]);
  const tooMany = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  assert.deepEqual(await codes(args, { fsyncsMs: () => Promise.reject(tooMany) }), ['local-open-files', notRunning]);
  const unknown = new Error('a fault that the doctor does not know');
  assert.deepEqual(await codes(args, { fsyncsMs: () => Promise.reject(unknown) }), [
    'local-folder-unusable',
    notRunning,
  ]);
});

test('faults of the database are named', async (t) => {
  const foreign = tempFolder(t);
  mkdirSync(join(foreign, 'documents'));
  writeFileSync(join(foreign, 'documents', 'letter.txt'), '');
  assert.deepEqual(await codes(off(foreign)), ['local-database-foreign', notRunning]);

  const damaged = tempFolder(t);
  writeFileSync(join(await database(damaged), 'CURRENT'), 'MANIFEST-999999\n');
  assert.deepEqual(await codes(off(damaged)), ['local-database-damaged', notRunning]);

  const future = tempFolder(t);
  const inAnHour = new Date(Date.now() + 3_600_000);
  utimesSync(join(await database(future), 'CURRENT'), inAnHour, inAnHour);
  assert.deepEqual(await codes(off(future)), ['local-clock', notRunning]);
});

test('a faulty certificate on disk, and a served certificate that differs from it, are named', async (t) => {
  const folder = tempFolder(t);
  const root = Authority.root();
  const good = root.leaf();
  const files = (name: string, pair: { cert: string; key: string }, port = 1): string[] => {
    const { certPath, keyPath } = writePair(folder, name, pair);
    return ['--data', folder, '--port', String(port), '--tls-cert', certPath, '--tls-key', keyPath];
  };
  assert.deepEqual(await codes(files('mixed', { cert: good.cert, key: root.leaf().key })), [
    'local-certificate',
    notRunning,
  ]);
  const late = root.leaf({ fromMs: Date.now() - 80 * dayMs, toMs: Date.now() + 10 * dayMs });
  assert.deepEqual(await codes(files('late', late)), ['local-certificate-late', notRunning]);
  const port = await tlsPeer(t, root.leaf(), (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  assert.deepEqual(await codes(files('renewed', good, port)), ['local-certificate-stale']);
  const second = root.leaf();
  const secondPort = await tlsPeer(t, second, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  const both = [...files('one', good, secondPort), ...files('two', second, secondPort).slice(4)];
  const found = await codes(both);
  assert.ok(!found.includes('local-certificate-stale'), 'the second pair is served');
  const lateSecond = [...files('one', good), ...files('late', late).slice(4)];
  assert.deepEqual(await codes(lateSecond), ['local-certificate-late', notRunning]);
});

test('a server that runs but is not ready is named', async (t) => {
  const { credentials } = openDevCertificate({ folder: join(tempFolder(t), 'x'), hostName: 'x', now: Date.now });
  const data = tempFolder(t);
  const answer = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}';
  const port = await tlsPeer(t, { ...credentials }, (socket) => socket.end(answer));
  assert.deepEqual(await codes(['--data', data, '--port', String(port)]), ['local-not-ready']);
});
