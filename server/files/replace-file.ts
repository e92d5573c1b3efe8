import { randomUUID } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Fails if the path exists, even as a symbolic link, so that a file that another user has put there is never written.
 */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a file so that a crash or a power cut leaves either the old content or the new content, never a part of it.
 */
export function replaceFile(path: string, content: string, mode: number): void {
  // Another user cannot guess this name, and so cannot put a file or a link in its place.
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = openSync(temporary, newFile, mode);
  try {
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
