/** Files that survive a power cut. */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Syncs a file, or the directory entries of a folder. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes or replaces a file in a folder atomically: after a crash it is the old file or the new one. */
export async function replaceFile(folder: string, name: string, contents: Uint8Array): Promise<void> {
  const path = join(folder, `${name}.new`);
  // A process that was killed may have left this file behind.
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, join(folder, name));
  await syncPath(folder);
}
