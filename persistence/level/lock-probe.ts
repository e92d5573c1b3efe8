import { Level } from 'level';
import { faultOf } from './file-errors.ts';

/**
 * Tests whether the file system of a folder can lock files, by creating a database there, because Node cannot lock
 * files. The folder must be empty and used by nothing else. Rejects with LogError; errors name `named`.
 */
export async function probeLocks(folder: string, named: string): Promise<void> {
  const database = new Level(folder);
  try {
    await database.open();
  } catch (error) {
    throw await faultOf(named, error);
  } finally {
    await database.close();
  }
}
