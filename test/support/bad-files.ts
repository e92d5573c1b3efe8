import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The user id of `nobody` on every Linux. */
const nobodyUid = 65_534;
/** Far above the bound on any file of settings. The file is sparse and takes no space. */
const enormousBytes = 2 ** 40;

/** A way in which a file that the server polls can become unreadable. */
export interface BadFile {
  readonly name: string;
  /** A part of the reason that the log gives. */
  readonly reason: RegExp;
  /** Replaces the file by the fault. The file must be in a folder of its own. */
  spoil(path: string): void;
  /** Removes the fault. Afterwards there may be no file. */
  repair(path: string): void;
}

const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

/** Root and ordinary users can create each of these faults. Read the file within `asOrdinaryUser`. */
export const badFiles: readonly BadFile[] = [
  { name: 'a file that is gone', reason: /ENOENT/, spoil: remove, repair: remove },
  {
    name: 'a folder that may not be entered',
    reason: /EACCES/,
    spoil: (path) => chmodSync(dirname(path), 0o000),
    repair: (path) => chmodSync(dirname(path), 0o755),
  },
  {
    name: 'a file that may not be read',
    reason: /EACCES/,
    spoil: (path) => chmodSync(path, 0o000),
    repair: (path) => chmodSync(path, 0o644),
  },
  {
    name: 'a symbolic link to itself',
    reason: /ELOOP/,
    spoil(path) {
      remove(path);
      symlinkSync(path, path);
    },
    repair: remove,
  },
  {
    name: 'a symbolic link to nothing',
    reason: /ENOENT/,
    spoil(path) {
      remove(path);
      symlinkSync(`${path}.missing`, path);
    },
    repair: remove,
  },
  {
    name: 'a file in the place of its folder',
    reason: /ENOTDIR/,
    spoil(path) {
      renameSync(dirname(path), `${dirname(path)}.moved`);
      writeFileSync(dirname(path), '');
    },
    repair(path) {
      remove(dirname(path));
      renameSync(`${dirname(path)}.moved`, dirname(path));
    },
  },
  {
    name: 'a folder in the place of the file',
    reason: /is a folder, not a regular file/,
    spoil(path) {
      remove(path);
      mkdirSync(path);
    },
    repair: remove,
  },
  {
    name: 'a named pipe that nobody writes into',
    reason: /not a regular file/,
    spoil(path) {
      remove(path);
      execFileSync('mkfifo', [path]);
    },
    repair: remove,
  },
  {
    name: 'a device without an end',
    reason: /not a regular file/,
    spoil(path) {
      remove(path);
      symlinkSync('/dev/zero', path);
    },
    repair: remove,
  },
  {
    name: 'an enormous file',
    reason: /larger than/,
    spoil: (path) => truncateSync(path, enormousBytes),
    repair: remove,
  },
  {
    name: 'a file of the system that does not tell its size',
    reason: /PEM|JSON/,
    spoil(path) {
      remove(path);
      symlinkSync('/proc/self/limits', path);
    },
    repair: remove,
  },
  {
    name: 'an empty file',
    reason: /PEM|JSON/,
    spoil: (path) => writeFileSync(path, ''),
    repair: remove,
  },
  {
    name: 'a file that is cut off',
    reason: /PEM|JSON/,
    spoil: (path) => truncateSync(path, 20),
    repair: remove,
  },
];

/** Runs `read` without the rights of root, to whom file permissions do not apply. */
export function asOrdinaryUser<T>(read: () => T): T {
  if (process.geteuid?.() !== 0) return read();
  process.seteuid?.(nobodyUid);
  try {
    return read();
  } finally {
    process.seteuid?.(0);
  }
}

/** Creates a folder for one file, which every user may enter. */
export function folderFor(parent: string, name: string): string {
  chmodSync(parent, 0o755);
  const folder = join(parent, name);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  return folder;
}
