import { fdatasync, write } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { probeLocks } from '../../persistence/level/lock-probe.ts';
import { openFilesLimit } from '../limits/open-files.ts';
import type { Measurement } from './examination.ts';
import type { Finding } from './finding.ts';
import { withOwnFile, withOwnFolder } from './own-files.ts';

export interface LocalDeps {
  /** In milliseconds since 1970. */
  now(): number;
  monotonicMs(): number;
  /** Free space for this user on the disk of a folder, in bytes. */
  freeBytes(folder: string): Promise<number>;
  /** How many more files its file system can have; null if that is not limited. */
  freeInodes(folder: string): Promise<number | null>;
  /** Writes and syncs a block in the folder; resolves with how long each of them took, in milliseconds. */
  fsyncsMs(folder: string): Promise<readonly number[]>;
  /**
   * Locks a file of its own in the folder. Skipped for file systems that are known to lock files, unless locks have failed
   * elsewhere. Rejects with LogError.
   */
  probeLocks(folder: string, haveFailed: boolean): Promise<void>;
  /** How many files a process of this user may open; null if the system does not say. */
  openFilesLimit(): Promise<number | null>;
  /** How long records of the database may be read, in milliseconds. */
  readonly verifyBudgetMs: number;
  /** Where the image of the database is made: in the first of these folders that takes it. */
  readonly scratchParents: readonly [string, ...string[]];
}

export interface LocalState {
  readonly findings: Finding[];
  readonly measurements: Measurement[];
}

/** Types of file systems of local disks, all of which lock files: ext, XFS, Btrfs, ZFS, F2FS, tmpfs, overlayfs. */
const localTypes = [0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630];

/** What the machine says. */
export const machine: LocalDeps = {
  // Some 100 MB.
  verifyBudgetMs: 3_000,
  // A container whose files are read-only has the second.
  scratchParents: [tmpdir(), '/dev/shm'],
  now: Date.now,
  monotonicMs: () => performance.now(),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async freeInodes(folder) {
    const { files, ffree } = await statfs(folder);
    // Some file systems make inodes as they need them.
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
