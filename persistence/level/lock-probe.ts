import { Level } from 'level';
import { faultOf } from './file-errors.ts';

/**
 * Finds out whether the file system of a folder can lock files, by creating a database there: Node cannot lock files
 * itself. The folder is empty and the caller's own. Rejects with LogError; errors name `named`.
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
