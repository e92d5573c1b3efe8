/** Files and folders that the doctor makes. They are gone when it ends, also when a signal ends it. */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, mkdtempSync, openSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Linux: opens a file without a name. No other process can reach it, and it is gone when it is closed. Node has no constant for this flag. */
const unnamed = 0o20_200_000;
/** Types of file systems that take as long for an fsync of a file without a name as of another: tmpfs, ext, XFS, overlayfs. */
const honestTypes = [0x01021994, 0xef53, 0x58465342, 0x794c7630];
/** Fails if something has the name already, also a symbolic link: another user may have put it there. */
const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Creates a folder with a random name, for this user alone, in the first of `parents` that takes it, and removes it after
 * `use`. Rejects with the error of the first if none does.
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
        // The error of the first says what is to be corrected.
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
    // The kernel, or what lies below overlayfs, cannot.
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
    // The signal does now what it does without a listener: the process ends, and its parent sees by what.
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
