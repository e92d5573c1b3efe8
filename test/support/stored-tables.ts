import { execFile } from 'node:child_process';
import { createDecoder, readVarUint } from 'lib0/decoding';
import { once } from 'node:events';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fold } from '../../persistence/compaction/fold.ts';
import { maskedCrc32c } from '../../persistence/level/recovery/crc32c.ts';
import { LevelLog } from '../../persistence/level/level-log.ts';
import { LevelStore } from '../../persistence/level/level-store.ts';
import { inDatabase } from './raw-database.ts';
import { randomFrom } from './random.ts';
import type { Random } from './random.ts';
import { RecordingFollower } from './recording-follower.ts';
import type { OpenedDatabase } from './table-child.ts';
import { TextWriter } from './text-writer.ts';
import { guardMs } from './deadline.ts';

const compaction = { minTailBytes: 4_000, tailToSnapshotRatio: 1_000, entryCostBytes: 0 };
const childPath = join(import.meta.dirname, 'table-child.js');

/**
 * The documents of `makeDatabase` with their number of entries, 190 in total. In `folded` the first entry is folded.
 */
export const storedDocuments: Readonly<Record<string, number>> = { a: 20, folded: 10, victim: 150, z: 10 };

/** Writes a database whose records are all in tables: the older half of the entries in one, the rest in another. */
export async function makeDatabase(folder: string): Promise<void> {
  const random = randomFrom(1);
  const texts = (isFirst: boolean): string[] => [
    // Text that LevelDB compresses, and text that it does not. The first entry of a document may be folded.
    ...(isFirst ? [noise(random, 6_000)] : []),
    ...Array.from({ length: 3 }, (_, i) => (i === 0 ? 'a text that repeats '.repeat(10) : noise(random, 150))),
  ];
  const writers = new Map(Object.keys(storedDocuments).map((docId) => [docId, new TextWriter(1)]));
  for (const half of [0, 1]) {
    const log = await LevelLog.open(
      { folder, commit: 'write', diskReserveBytes: 0, compaction },
      { compact: (input) => Promise.resolve(fold(input)) },
    );
    for (const [docId, entries] of Object.entries(storedDocuments)) {
      const follower = new RecordingFollower();
      const document = await log.open(docId, follower);
      const isFolded = docId === 'folded' && half === 0;
      const first = (entries / 2) * half;
      for (let i = first; i < first + entries / 2; i += 1) {
        const [text = ''] = texts(isFolded && i === 0).slice(isFolded && i === 0 ? 0 : i % 3);
        document.append(writers.get(docId)!.type(text), 'me');
        if (isFolded && i === 0) await follower.compactedTo(1);
      }
      await follower.durable(first + entries / 2);
    }
    await log.settled();
    await log.close();
    const all = { gte: Buffer.of(0), lt: Buffer.of(255) };
    if (half === 0) await inDatabase(folder, (database) => new LevelStore(database).reclaim(all));
  }
  // Opening moves the log into a table.
  await inDatabase(folder, () => Promise.resolve());
}

function noise(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(33 + random.below(90))).join('');
}

/** The names of the tables in a folder, in order. */
export function tablesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ldb'))
    .sort();
}

/** Copies a database. Returns the folder of the copy. */
export function copyOf(folder: string, copy: string): string {
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** The offsets of the parts of a table. Data blocks come first, then the filter. */
export interface TableParts {
  readonly bytes: Buffer;
  /** The end of the contents of the first block, where its compression type is. */
  readonly firstBlockEnd: number;
  readonly filter: number;
  readonly metaindex: number;
  readonly index: number;
  readonly footer: number;
}

export function partsOf(path: string): TableParts {
  const bytes = readFileSync(path);
  const footer = bytes.length - 48;
  const decoder = createDecoder(bytes.subarray(footer));
  const metaindex = readVarUint(decoder);
  readVarUint(decoder);
  const index = readVarUint(decoder);
  // Three lengths, the name of the filter, and its position.
  const filter = readVarUint(createDecoder(bytes.subarray(metaindex + 3 + bytes[metaindex + 1]!)));
  return { bytes, firstBlockEnd: endOfBlock(bytes), filter, metaindex, index, footer };
}

/** The end of the first block: where the checksum is right. */
function endOfBlock(bytes: Buffer): number {
  for (let end = 4; end < bytes.length; end += 1) {
    if (maskedCrc32c(bytes, 0, end + 1) === bytes.readUInt32LE(end + 1)) return end;
  }
  throw new Error('There is no block');
}

/** Opens databases in another process. Rejects with the signal and the progress if a signal has ended that process. */
export async function openInChild(
  mode: 'refuse' | 'accept',
  folders: readonly string[],
): Promise<readonly OpenedDatabase[]> {
  const args = [childPath, mode, Object.keys(storedDocuments).join(','), ...folders];
  const child = execFile(process.execPath, args, { timeout: guardMs, maxBuffer: 64 * 1024 * 1024 });
  let output = '';
  let errors = '';
  child.stdout!.on('data', (chunk: string) => (output += chunk));
  child.stderr!.on('data', (chunk: string) => (errors += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const opened = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as OpenedDatabase);
  if (code === 0) return opened;
  throw new Error(
    `The process ended with ${signal ?? code} at database ${opened.length} of ${folders.length}: ${errors}`,
  );
}
