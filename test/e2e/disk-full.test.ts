import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { textRanges } from '../support/text-ranges.ts';
import { TextWriter } from '../support/text-writer.ts';

const diskBytes = 48_000_000;
const fillerBytes = 32_000_000;
const editBytes = 200_000;

/** Mounts a small disk. Resolves with null and skips the test if mounting is not allowed. */
function smallDisk(t: TestContext): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'quire-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmdirSync(folder);
    t.skip('mounting a small disk needs root');
    return null;
  }
  t.after(() => {
    // Lazily, because the server may still have it open. It is killed next.
    execFileSync('umount', ['--lazy', folder]);
    rmdirSync(folder);
  });
  return folder;
}

/** Text that LevelDB cannot compress. */
function noise(): string {
  return randomBytes(editBytes / 2).toString('hex');
}

for (const { reserve, what, reason, fillTo } of [
  // Another program fills the disk. The server itself does not write faster than it checks the free space.
  { reserve: '8MB', what: 'the reserve is reached', reason: /^storage is full, read only$/, fillTo: 4_000_000 },
  { reserve: '1KB', what: 'a write fails', reason: /^storage (unavailable|is full)/, fillTo: null },
]) {
  test(`I1 I8: when the disk is full and ${what}, clients get a close code, nothing saved is lost, and writing resumes by itself`, async (t) => {
    const disk = smallDisk(t);
    if (disk === null) return;
    const dataFolder = join(disk, 'data');
    mkdirSync(dataFolder);
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(fillerBytes));
    const quire = await Quire.start(t, { tls: 'off', dataFolder, args: ['--disk-reserve', reserve] });

    const url = `${quire.url}/full`;
    const author = await RawClient.open(url);
    t.after(() => author.terminate());
    await author.sync();
    const writer = new TextWriter(1);
    let saved = 0;
    for (let edit = 0; edit < diskBytes / editBytes && author.isOpen; edit++) {
      if (fillTo !== null && edit > 0) await fill(filler, fillTo);
      author.edit(writer.type(fillTo === null || edit === 0 ? noise() : 'x'));
      // A refused edit is never reported as saved. The client is closed instead.
      const isSaved = author.saved().then(
        () => true,
        () => false,
      );
      if (!(await isSaved)) break;
      saved = writer.clock;
    }
    const closed = await within(guardMs, 'the close of the author', author.closed);
    assert.equal(closed.code, 4503);
    assert.match(closed.reason, reason);
    assert.ok(saved > 0, 'something was saved before the disk was full');

    rmSync(filler);
    const { found } = await resumed(url, saved);
    assert.ok(found >= saved, `saved ${saved}, found ${found}`);
    assert.ok(quire.process.isRunning);
    await quire.process.stop();
    await quire.restart();
    const { found: afterRestart } = await resumed(url, saved);
    assert.ok(afterRestart >= saved, `saved ${saved}, found ${afterRestart} after a restart`);
  });
}

/** Lets a file grow until at most this much of its disk is free, and waits a little. */
async function fill(file: string, leftBytes: number): Promise<void> {
  const { bavail, bsize } = statfsSync(file);
  if (bavail * bsize > leftBytes) appendFileSync(file, Buffer.alloc(bavail * bsize - leftBytes));
  await paced(100);
}

/** Reconnects like a client until an edit is saved again. Resolves with the length of the text of the first author. */
async function resumed(url: string, salt: number): Promise<{ found: number }> {
  const client = 1_000 + (salt % 1_000) + Math.floor(Math.random() * 1e6);
  const attempt = async (): Promise<number | null> => {
    const reader = await RawClient.open(url).catch(() => null);
    if (reader === null) return null;
    try {
      const ranges = (await reader.sync()).flatMap(textRanges);
      reader.edit(new TextWriter(client).type('again'));
      await reader.saved();
      return Math.max(0, ...ranges.filter((range) => range.client === 1).map(({ end }) => end));
    } catch {
      // Closed before the edit was saved: the disk is still full, or the log is being reopened.
      return null;
    } finally {
      reader.terminate();
    }
  };
  const trying = async (): Promise<number> => {
    for (;;) {
      const found = await attempt();
      if (found !== null) return found;
      await paced(200);
    }
  };
  return { found: await within(guardMs, 'a saved edit after space was freed', trying()) };
}

test('a server that starts on a disk below the reserve says so in its log', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--disk-reserve', '1000000GB'] });
  const reported = /"level":50,.*"state":"read-only","msg":"storage state"/;
  await quire.process.find((line) => (reported.test(line) ? line : undefined), 'the state of the storage');
});
