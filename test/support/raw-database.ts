import { Level } from 'level';
import type { LevelDatabase } from '../../persistence/level/level-store.ts';

/** Reads or changes the records of a database that no other process has open. */
export async function inDatabase<T>(folder: string, action: (database: LevelDatabase) => Promise<T>): Promise<T> {
  const database: LevelDatabase = new Level(folder, { keyEncoding: 'view', valueEncoding: 'view' });
  await database.open();
  try {
    return await action(database);
  } finally {
    await database.close();
  }
}
