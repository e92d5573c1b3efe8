import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StorageFault } from './storage-faults.ts';

/**
 * Opens a regular file for reading. Rejects with StorageFault for other kinds: reading a pipe or device may never end.
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (stat.isFile()) return file;
  await file.close();
  throw new StorageFault('not-a-file', { path, kind: kindOf(stat) });
}

/** The content of a regular file. Rejects as `openRegularFile` does. */
export async function readRegularFile(path: string): Promise<Uint8Array> {
  const file = await openRegularFile(path);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The content of a regular file; null if the file does not exist. Rejects as `openRegularFile` does. */
export async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The kind of a path that is not a regular file. */
export function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a named pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}
