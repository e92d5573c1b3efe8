/** Temporary files and folders of the doctor. They are removed when it ends, also if a signal ends it. */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * O_TMPFILE of Linux, for which Node has no constant: opens a file without a name. No other process can open it, and it
 * is removed when it is closed.
 */
const unnamed = 0o20_200_000;
/**
 * Types of file systems where an fsync takes equally long for files with and without a name: tmpfs, ext, XFS,
 * overlayfs.
 */
const honestTypes = [0x01021994, 0xef53, 0x58465342, 0x794c7630];
/** Fails if the name exists, also as a symbolic link, because another user may have put it there. */
const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Creates a folder with a random name that only this user can open, and removes it after `use`. It is in the first of
 * `parents` that works. If none works, rejects with the error of the first.
 */
export async function withOwnFolder<T>(
  parents: readonly [string, ...string[]],
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = makeFolder(parents);
  return removedAfter(folder, () => use(folder));
}

function makeFolder([parent, ...others]: readonly [string, ...string[]]): string {
  try {
    return mkdtempSync(join(parent, '.quire-doctor-'));
  } catch (error) {
    for (const other of others) {
      try {
        return mkdtempSync(join(other, '.quire-doctor-'));
      } catch {
        // The error of the first folder is the one to report.
      }
    }
    throw error;
  }
}

/** Creates an empty file in a folder, and removes it after `use`. */
export async function withOwnFile<T>(folder: string, use: (descriptor: number) => Promise<T>): Promise<T> {
  const nameless = openUnnamed(folder);
  if (nameless !== null) return closedAfter(nameless, () => use(nameless));
  const path = join(folder, `.quire-doctor-${randomUUID()}`);
  const descriptor = openSync(path, newFile, 0o600);
  return removedAfter(path, () => closedAfter(descriptor, () => use(descriptor)));
}

function openUnnamed(folder: string): number | null {
  if (process.platform !== 'linux' || !honestTypes.includes(statfsSync(folder).type)) return null;
  try {
    return openSync(folder, unnamed | constants.O_RDWR, 0o600);
  } catch (error) {
    // The kernel, or the file system under overlayfs, does not support it.
    if (['EOPNOTSUPP', 'EISDIR', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

async function closedAfter<T>(descriptor: number, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    closeSync(descriptor);
  }
}

async function removedAfter<T>(path: string, use: () => Promise<T>): Promise<T> {
  // Threads of LevelDB may still create files while the folder is removed.
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  const end = (signal: NodeJS.Signals): void => {
    forget();
    remove();
    // Without this listener, the signal ends the process, and the parent sees which signal it was.
    process.kill(process.pid, signal);
  };
  const forget = (): void => {
    process.off('exit', remove);
    for (const signal of signals) process.off(signal, end);
  };
  process.on('exit', remove);
  for (const signal of signals) process.on(signal, end);
  try {
    return await use();
  } finally {
    forget();
    remove();
  }
}
