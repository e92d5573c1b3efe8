/** Files that survive a power cut. */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Syncs a file; or a folder: that its files are in it. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file of a folder, or replaces it: after a crash it is the old one or the new one. */
export async function replaceFile(folder: string, name: string, contents: Uint8Array): Promise<void> {
  const path = join(folder, `${name}.new`);
  // Left behind by a process that was killed.
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
