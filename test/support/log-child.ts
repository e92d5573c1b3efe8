/**
 * A program that appends to the log in a folder as fast as it can, until it is killed. Writes `open` when it has opened
 * the log, then the number of each durable entry on a line of its own, or the code of an error.
 *
 *     node log-child.js <folder> <fsync|write>
 */
import { writeSync } from 'node:fs';
import { LogError } from '../../persistence/errors.ts';
import { LevelLog } from '../../persistence/level/level-log.ts';
import { FakeCompact } from './fake-compact.ts';

const [folder = '', commit] = process.argv.slice(2);
const pauseMs = 1;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes synchronously, because a line stands for what a client would have been told. The pipe does not block and holds
 * 277 lines, so the reader may be slow.
 */
function say(line: string | number): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, pauseMs);
    }
  }
}

/** The content of entry `seq`. */
const updateOf = (seq: number): Uint8Array => new Uint8Array(20 + (seq % 50)).fill(seq % 200);

try {
  const log = await LevelLog.open(
    {
      folder,
      commit: commit === 'write' ? 'write' : 'fsync',
      diskReserveBytes: 0,
      compaction: { minTailBytes: 20_000, tailToSnapshotRatio: 0.5, entryCostBytes: 0 },
    },
    { compact: new FakeCompact().compact },
  );
  say('open');
  const document = await log.open('a', {
    committed: (entries) => {
      for (const { seq } of entries) say(seq);
      for (const { seq } of entries) document.append(updateOf(seq + 10), 'me');
    },
    compacted: () => {},
    failed: (error) => say(error.message),
  });
  const { snapshot, tail } = document.stored;
  const last = (snapshot?.seq ?? 0) + tail.length;
  for (let i = 1; i <= 10; i += 1) document.append(updateOf(last + i), 'me');
} catch (error) {
  say(error instanceof LogError ? error.code : String(error));
}
