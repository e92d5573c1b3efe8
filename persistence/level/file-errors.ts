/** Turns errors of the file system, from Node or from LevelDB, into faults that name the cause. */
import { constants } from 'node:fs';
import { access, lstat, stat, statfs } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { LogError } from '../errors.ts';
import { StorageFault } from './storage-faults.ts';
import type { StorageFaultName } from './storage-faults.ts';

/** Error texts of the C libraries (glibc, musl, macOS). LevelDB passes on only the text. */
const errnoByWords: Readonly<Record<string, string>> = {
  'Permission denied': 'EACCES',
  'Operation not permitted': 'EPERM',
  'Read-only file system': 'EROFS',
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Quota exceeded': 'EDQUOT',
  'Disc quota exceeded': 'EDQUOT',
  'Too many open files': 'EMFILE',
  'Too many open files in system': 'ENFILE',
  'No file descriptors available': 'EMFILE',
  'Input/output error': 'EIO',
  'I/O error': 'EIO',
  'Stale file handle': 'ESTALE',
  'Structure needs cleaning': 'EUCLEAN',
  'Remote I/O error': 'EREMOTEIO',
  'Not a directory': 'ENOTDIR',
  'Is a directory': 'EISDIR',
  'Too many levels of symbolic links': 'ELOOP',
  'Symbolic link loop': 'ELOOP',
  'No such file or directory': 'ENOENT',
  'File name too long': 'ENAMETOOLONG',
  'Filename too long': 'ENAMETOOLONG',
};

/** Texts that mean that another process holds the lock. Any other text means that the file system cannot lock. */
const heldByAnother = ['Resource temporarily unavailable', 'Permission denied', 'already held by process'];

/** An error reported by the file system. */
interface FileError {
  /** The error code, such as ENOSPC; null if the text is unknown. */
  readonly errno: string | null;
  readonly path: string | null;
  readonly reason: string;
  /** Whether the error occurred when LevelDB took the lock. */
  readonly isLock: boolean;
  /** Whether LevelDB found that its files are inconsistent. */
  readonly isDamage: boolean;
}

/** Parses an error of Node or LevelDB. */
export function readFileError(cause: unknown): FileError {
  // `level` wraps the cause when opening fails.
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const { code, message, path } = reason as NodeJS.ErrnoException;
  if (code === undefined || !code.startsWith('LEVEL_')) {
    return { errno: code ?? null, path: path ?? null, reason: message, isLock: false, isDamage: false };
  }
  const [, lock, subject, words] = /^IO error: (lock )?(?:(.+): )?([^:]+)$/s.exec(message) ?? [];
  return {
    errno: errnoByWords[words ?? ''] ?? null,
    path: subject !== undefined && isAbsolute(subject) ? subject : null,
    reason: words ?? message,
    isLock: code === 'LEVEL_LOCKED' || lock !== undefined,
    isDamage: code === 'LEVEL_CORRUPTION',
  };
}

const byErrno: Readonly<Record<string, StorageFaultName>> = {
  EROFS: 'read-only',
  EDQUOT: 'quota',
  EMFILE: 'open-files',
  ENFILE: 'open-files',
  EIO: 'disk-error',
  ESTALE: 'disk-error',
  EUCLEAN: 'disk-error',
  EREMOTEIO: 'disk-error',
  ENAMETOOLONG: 'name-too-long',
};

/**
 * The fault that an error means for a folder. An error whose cause is already known is returned unchanged. In errors of
 * an image, paths of the image are replaced with those of the folder.
 */
export async function faultOf(folder: string, cause: unknown, image = folder): Promise<LogError> {
  if (cause instanceof LogError) return cause;
  const { errno, path: named, reason: words, isLock, isDamage } = readFileError(cause);
  const path = named?.replace(image, folder) ?? folder;
  const reason = words.replaceAll(image, folder);
  const facts = { folder, path, reason };
  if (isLock) return new StorageFault(isHeld(reason) ? 'locked' : 'no-locks', facts, { cause });
  if (isDamage) return new StorageFault('damaged', facts, { cause });
  if (errno === 'EACCES' || errno === 'EPERM') return denied(path, errno, cause);
  if (errno === 'ENOSPC') return new StorageFault((await hasInodes(path)) ? 'no-space' : 'no-inodes', facts, { cause });
  if (errno === 'EISDIR') return new StorageFault('not-a-file', { ...facts, kind: 'a folder' }, { cause });
  if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EEXIST'].includes(errno ?? '')) return unreachable(folder, path, reason, cause);
  return new StorageFault(byErrno[errno ?? ''] ?? 'unusable', facts, { cause });
}

function isHeld(reason: string): boolean {
  return heldByAnother.some((words) => reason.endsWith(words)) || reason.includes('LockFile');
}

/** Whether files can be created. File systems that allocate inodes on demand report 0 of 0. */
async function hasInodes(path: string): Promise<boolean> {
  const { files, ffree } = await statfs(await nearestFolder(path));
  return files === 0 || ffree > 0;
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder || folder === dirname(folder)) return folder;
  }
}

/**
 * Finds why a path cannot be reached: its first missing part, a broken link, or a file. The system's error does not say
 * this.
 */
async function unreachable(folder: string, path: string, reason: string, cause: unknown): Promise<StorageFault> {
  for (const part of prefixes(path)) {
    const link = await lstat(part).catch(() => null);
    if (link === null) return new StorageFault('missing', { path }, { cause });
    const found = await stat(part).catch(() => null);
    if (found === null) return new StorageFault('link-loop', { path: part }, { cause });
    // The link has a target, and the server refuses to follow it.
    if (link.isSymbolicLink() && found.isFile() && part === path) {
      return new StorageFault('not-a-file', { path, kind: 'a symbolic link' }, { cause });
    }
    if (!found.isDirectory()) return new StorageFault('not-a-folder', { folder, path: part }, { cause });
  }
  return new StorageFault('unusable', { folder, reason }, { cause });
}

/** The path and its parents: `/`, `/var`, `/var/lib` for `/var/lib`. */
function prefixes(path: string): string[] {
  const parts: string[] = [];
  for (let part = resolve(path); ; part = dirname(part)) {
    parts.unshift(part);
    if (part === dirname(part)) return parts;
  }
}

/** Finds which part of a path forbids which action, and how to allow it to this user. */
export async function denied(path: string, errno = 'EACCES', cause?: unknown): Promise<StorageFault> {
  const { subject, action } = await forbidden(resolve(path));
  const found = await stat(subject).catch(() => null);
  const uid = process.getuid?.() ?? -1;
  const owner = found?.uid ?? '?';
  const mode = found === null ? '?' : (found.mode & 0o7777).toString(8).padStart(4, '0');
  const facts = { uid, action, path: subject, owner, mode, remedy: remedyFor(subject, uid, owner, errno) };
  return new StorageFault('denied', facts, { cause });
}

async function forbidden(path: string): Promise<{ subject: string; action: string }> {
  const above = prefixes(path).slice(0, -1);
  for (const folder of above)
    if (!(await mayAccess(folder, constants.X_OK))) return { subject: folder, action: 'enter' };
  const found = await stat(path).catch(() => null);
  if (found === null) return { subject: dirname(path), action: 'create files in' };
  if (!(await mayAccess(path, constants.R_OK))) return { subject: path, action: 'read' };
  if (found.isDirectory() && !(await mayAccess(path, constants.X_OK))) return { subject: path, action: 'enter' };
  return { subject: path, action: found.isDirectory() ? 'create files in' : 'write to' };
}

/** Whether this user has the permission (R_OK, W_OK, X_OK) for a path. */
export function mayAccess(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'EACCES' && code !== 'EPERM',
  );
}

function remedyFor(path: string, uid: number, owner: number | string, errno: string): string {
  if (uid === 0 || (errno === 'EPERM' && owner === uid)) {
    return 'Look for an immutable attribute (lsattr), for root_squash of NFS, or for a container without capabilities.';
  }
  if (owner === uid) return `Give its owner the rights: chmod u+rwX ${path}.`;
  return `Run Quire as its owner (sudo -u '#${owner}' quire ...), or give the data folder to this user: chown -R ${uid} <folder>.`;
}
