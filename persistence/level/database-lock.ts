import { Level } from 'level';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Does something while this process holds the lock of a database that is not open. Only LevelDB can take the lock, and it
 * would read the database: so an empty one is opened whose LOCK file is the same file. Rejects as opening does
 * (`LEVEL_LOCKED`). Not for a database that this process has open: the lock would be lost.
 */
export async function holdingLock<T>(folder: string, action: () => Promise<T>): Promise<T> {
  // LevelDB leaves folders within its own alone.
  const scratch = await mkdtemp(join(folder, 'lock-'));
  try {
    await symlink(join('..', 'LOCK'), join(scratch, 'LOCK'));
    const empty = new Level(scratch);
    await empty.open();
    try {
      return await action();
    } finally {
      await empty.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
