import { fdatasync, write } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { probeLocks } from '../../persistence/level/lock-probe.ts';
import { openFilesLimit } from '../limits/open-files.ts';
import type { Measurement } from './examination.ts';
import type { Finding } from './finding.ts';
import { withOwnFile, withOwnFolder } from './own-files.ts';

/** The machine, as the local checks use it. */
export interface LocalDeps {
  /** In milliseconds since 1970. */
  now(): number;
  monotonicMs(): number;
  /** The free space for this user on the disk of a folder, in bytes. */
  freeBytes(folder: string): Promise<number>;
  /** The number of free inodes on the file system of a folder; null if they are not limited. */
  freeInodes(folder: string): Promise<number | null>;
  /** Writes and syncs blocks in the folder. Resolves with the durations, in milliseconds. */
  fsyncsMs(folder: string): Promise<readonly number[]>;
  /**
   * Locks a new file in the folder. Skipped on file systems that are known to support locks, unless locks have failed
   * elsewhere. Rejects with LogError.
   */
  probeLocks(folder: string, haveFailed: boolean): Promise<void>;
  /** How many files a process of this user may open; null if that is unknown. */
  openFilesLimit(): Promise<number | null>;
  /** How long to read records of the database, in milliseconds. */
  readonly verifyBudgetMs: number;
  /** The folders for the image of the database. The first one that works is used. */
  readonly scratchParents: readonly [string, ...string[]];
}

/** The results of the local checks, which each check adds to. */
export interface LocalState {
  readonly findings: Finding[];
  readonly measurements: Measurement[];
}

/** Types of local file systems, which all support locks: ext, XFS, Btrfs, ZFS, F2FS, tmpfs, overlayfs. */
const localTypes = [0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630];

/** The real machine. */
export const machine: LocalDeps = {
  // Enough for about 100 MB.
  verifyBudgetMs: 3_000,
  // A container with a read-only root still has the second.
  scratchParents: [tmpdir(), '/dev/shm'],
  now: Date.now,
  monotonicMs: () => performance.now(),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async freeInodes(folder) {
    const { files, ffree } = await statfs(folder);
    // Some file systems create inodes on demand.
    return files === 0 ? null : ffree;
  },
  fsyncsMs: (folder) =>
    withOwnFile(folder, async (descriptor) => {
      const durationsMs: number[] = [];
      for (let count = 0; count < 20; count++) {
        const startMs = performance.now();
        await writeBlock(descriptor, Buffer.alloc(4096, count));
        await syncData(descriptor);
        durationsMs.push(performance.now() - startMs);
      }
      return durationsMs;
    }),
  async probeLocks(folder, haveFailed) {
    if (!haveFailed && localTypes.includes((await statfs(folder)).type)) return;
    await withOwnFolder([folder], (own) => probeLocks(own, folder));
  },
  openFilesLimit,
};

const writeBlock = promisify(write) as (descriptor: number, block: Buffer) => Promise<unknown>;
const syncData = promisify(fdatasync);
