import { Level } from 'level';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Runs `action` while this process holds the lock of a database that is not open. Only LevelDB can take the lock, but
 * it would also read the database. So this opens an empty database whose LOCK file links to the same file. Rejects as
 * opening a database does (`LEVEL_LOCKED`). Must not be used for a database that this process has open, because its
 * lock would be lost.
 */
export async function holdingLock<T>(folder: string, action: () => Promise<T>): Promise<T> {
  // LevelDB ignores folders inside its own.
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
