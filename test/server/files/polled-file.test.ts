/** Files that are polled while the server runs. No fault of such a file may end the process (I6, I8). */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { RevocationList } from '../../../server/auth/revocation-list.ts';
import { ClientAuthority } from '../../../server/tls/client-authority.ts';
import { PolledFile } from '../../../server/files/polled-file.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import { Authority } from '../../support/authority.ts';
import { asOrdinaryUser, badFiles, folderFor } from '../../support/bad-files.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const [first, second] = [Authority.root('First').cert, Authority.root('Second').cert];
const grant: Grant = { userId: 'u1', person: null, docId: 'doc', access: 'read', untilMs: null, tokenId: null };

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

/** A file, and a part of the server that polls it. */
interface Watched {
  readonly content: { readonly good: string; readonly better: string };
  open(
    path: string,
    logger: pino.Logger,
  ): { reload(): void; readonly failures: number; readonly inForce: () => string };
}

const watched: Readonly<Record<string, Watched>> = {
  'the revocation list': {
    content: { good: '{"users": ["u1"]}', better: '{"users": ["u1", "u2"]}' },
    open(path, logger) {
      const list = RevocationList.open(path, logger);
      const inForce = (): string => {
        assert.equal(list.has(grant), true);
        return list.has({ ...grant, userId: 'u2' }) ? 'better' : 'good';
      };
      return Object.assign(list, { inForce });
    },
  },
  'the file of client authorities': {
    content: { good: first, better: second },
    open(path, logger) {
      const authority = ClientAuthority.open(path, logger);
      return Object.assign(authority, { inForce: () => (authority.pem === second ? 'better' : 'good') });
    },
  },
};

function refuse(): never {
  throw new Error('not usable');
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

function setUp(t: TestContext, { content, open }: Watched) {
  const path = join(folderFor(tempFolder(t), 'settings'), 'file');
  const lines: Line[] = [];
  const logger = pino({}, { write: (line) => lines.push(JSON.parse(line) as Line) });
  writeFileSync(path, content.good);
  const opened = open(path, logger);
  const reload = (times = 1): void => {
    for (let done = 0; done < times; done++) asOrdinaryUser(() => opened.reload());
  };
  return { path, lines, reload, opened };
}

for (const [what, kind] of Object.entries(watched)) {
  for (const fault of badFiles) {
    test(`${what}: ${fault.name} leaves the last value in force, is logged once, and recovers`, (t) => {
      const { path, lines, reload, opened } = setUp(t, kind);
      fault.spoil(path);
      reload(3);
      assert.equal(opened.inForce(), 'good');
      assert.deepEqual(
        lines.map(({ level }) => level),
        [50],
      );
      assert.match(lines[0]?.err?.message ?? '', fault.reason);
      assert.match(lines[0]?.msg ?? '', /in force/);
      assert.equal(opened.failures, 1);
      fault.repair(path);
      writeFileSync(`${path}.new`, kind.content.better);
      renameSync(`${path}.new`, path);
      reload(3);
      assert.equal(opened.inForce(), 'better');
      assert.match(lines.at(-1)?.msg ?? '', /reloaded/);
      assert.equal(opened.failures, 1);
    });
  }

  test(`${what}: each change of the fault is logged, and the return of the same file too`, (t) => {
    const { path, lines, reload, opened } = setUp(t, kind);
    for (const name of ['a folder that may not be entered', 'a file in the place of its folder']) {
      const fault = badFiles.find((one) => one.name === name);
      fault?.spoil(path);
      reload(2);
      fault?.repair(path);
    }
    reload(2);
    assert.deepEqual(
      lines.map(({ level }) => level),
      [50, 50, 30],
    );
    assert.match(lines.at(-1)?.msg ?? '', /can be read again/);
    assert.equal(opened.failures, 2);
    assert.equal(opened.inForce(), 'good');
  });

  test(`${what}: a file that could not be opened for a while is read once it can be opened`, (t) => {
    const { path, reload, opened } = setUp(t, kind);
    const fault = badFiles.find(({ name }) => name.startsWith('a file that may not be read'));
    writeFileSync(path, kind.content.better);
    fault?.spoil(path);
    reload();
    assert.equal(opened.inForce(), 'good');
    fault?.repair(path);
    reload();
    assert.equal(opened.inForce(), 'better');
  });
}

test('an unchanged file is opened but not read', (t) => {
  const path = join(tempFolder(t), 'file');
  writeFileSync(path, 'one');
  let parsed = 0;
  const file = PolledFile.open({
    path,
    maxBytes: 10,
    parse(text) {
      parsed++;
      return text;
    },
  });
  for (let times = 0; times < 5; times++) assert.equal(file.poll().kind, 'unchanged');
  assert.equal(parsed, 1);
  // The size and the time are the same; only the inode differs.
  const { atime, mtime } = statSync(path);
  writeFileSync(`${path}.new`, 'two');
  utimesSync(`${path}.new`, atime, mtime);
  renameSync(`${path}.new`, path);
  assert.equal(file.poll().kind, 'changed');
  assert.equal(file.value, 'two');
});

test('the size limit holds for a file that grows while it is read', (t) => {
  const path = join(tempFolder(t), 'file');
  writeFileSync(path, 'a');
  const file = PolledFile.open({ path, maxBytes: 1_000_000, parse: (text) => text.length });
  truncateSync(path, 1_000_000);
  assert.equal(file.poll().kind, 'changed');
  assert.equal(file.value, 1_000_000);
  appendFileSync(path, 'b');
  const poll = file.poll();
  assert.match(poll.kind === 'failed' ? poll.error.message : '', /larger than 1000000 bytes/);
  assert.equal(file.value, 1_000_000);
});

test('a value that the caller refuses is not kept', (t) => {
  const path = join(tempFolder(t), 'file');
  writeFileSync(path, 'one');
  const file = PolledFile.open({ path, maxBytes: 10, parse: (text) => text });
  writeFileSync(path, 'other');
  assert.equal(file.poll(refuse).kind, 'failed');
  assert.equal(file.poll(refuse).kind, 'unchanged', 'the same failure is reported once');
  assert.equal(file.value, 'one');
});

test('a thousand polls leave no file open, with and without a fault', (t) => {
  const { path, reload } = setUp(t, watched['the revocation list']!);
  const before = openFiles();
  reload(500);
  badFiles.find(({ name }) => name.startsWith('a folder in'))?.spoil(path);
  reload(500);
  assert.equal(openFiles(), before);
});
