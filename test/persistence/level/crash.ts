import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import type { Random } from '../../support/random.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

const childPath = join(import.meta.dirname, '../../support/log-child.js');

/**
 * Lets a process append (see log-child.ts), kills it at random moments, and looks for the entries that it acknowledged.
 */
export async function killAgainAndAgain(
  folder: string,
  commit: 'fsync' | 'write',
  times: number,
  random: Random,
): Promise<void> {
  let lastStored = 0;
  for (let round = 0; round < times; round += 1) {
    const acknowledged = await acknowledgedUntilKilled(folder, commit, 1 + random.below(2000));
    assert.deepEqual(
      acknowledged.filter((seq, i) => seq !== lastStored + 1 + i),
      [],
      'acknowledged without gaps, after all that was stored',
    );
    const log = await LevelLog.open(
      {
        folder,
        commit,
        diskReserveBytes: 0,
        compaction: { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 },
      },
      { compact: new FakeCompact().compact },
    );
    const document = await log.open('a', new RecordingFollower());
    const { snapshot, tail } = document.stored;
    lastStored = (snapshot?.seq ?? 0) + tail.length;
    assert.ok(
      lastStored >= (acknowledged.at(-1) ?? 0),
      `${acknowledged.at(-1)} was acknowledged, ${lastStored} is there`,
    );
    assert.deepEqual(
      tail.filter(({ seq, update }) => update.length !== 20 + (seq % 50) || update[0] !== seq % 200),
      [],
    );
    let bytes = 0;
    for (let seq = 1; seq <= (snapshot?.seq ?? 0); seq += 1) bytes += 20 + (seq % 50);
    if (bytes > 0) assert.equal((await document.pin()?.read(0))?.length, bytes);
    await log.close();
  }
}

async function acknowledgedUntilKilled(folder: string, commit: string, count: number): Promise<number[]> {
  const child = spawn(process.execPath, [childPath, folder, commit], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const acknowledged: number[] = [];
  let killed = false;
  // Entries still in the pipe when the process dies were also acknowledged.
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'open') continue;
    assert.match(line, /^\d+$/);
    acknowledged.push(Number(line));
    if (killed || acknowledged.length < count) continue;
    killed = true;
    child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}
