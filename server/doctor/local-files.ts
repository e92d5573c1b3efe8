/** Checks that the server can use the files in its data folder, without changing them. */
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { denied, mayAccess } from '../../persistence/level/file-errors.ts';
import { kindOf } from '../../persistence/level/regular-file.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { findingOf } from './storage-findings.ts';

/** Files beyond this number are not checked. A data folder of Quire never has so many. */
const maxFiles = 50_000;

/** Files that LevelDB reads or locks. */
const databaseFile = /\/documents\/(CURRENT|LOCK|MANIFEST-\d+|\d+\.(log|ldb|sst))$/;

interface UserId {
  readonly uid: number;
  readonly gid: number;
}

/** Checks every file in the data folder. Returns the first problem of each kind. */
export async function checkFiles(dataDir: string): Promise<Finding[]> {
  const user = await serverUser(dataDir);
  const findings = new Map<string, Finding>();
  for await (const path of pathsIn(dataDir)) {
    const found = await checkFile(path, dataDir, user);
    if (found !== null && !findings.has(found.code)) findings.set(found.code, found);
  }
  return [...findings.values()];
}

/**
 * The owner of the data folder, under whom the server runs. Null if root owns everything, or on systems without users.
 */
async function serverUser(dataDir: string): Promise<UserId | null> {
  for (const folder of [dataDir, join(dataDir, 'documents')]) {
    const found = await stat(folder).catch(() => null);
    if (found !== null && found.uid !== 0) return { uid: found.uid, gid: found.gid };
  }
  return null;
}

async function* pathsIn(dataDir: string): AsyncIterable<string> {
  let count = 0;
  for (const folder of ['documents', 'tls', 'acme']) {
    const path = join(dataDir, folder);
    const names = await readdir(path, { recursive: true }).catch(() => []);
    if (names.length > 0) yield path;
    for (const name of names) {
      if (++count > maxFiles) return;
      yield join(path, name);
    }
  }
}

async function checkFile(path: string, dataDir: string, user: UserId | null): Promise<Finding | null> {
  // LevelDB or the server may have removed the file meanwhile.
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isFile() && (!found.isDirectory() || databaseFile.test(path))) {
    return findingOf(new StorageFault('not-a-file', { path, kind: kindOf(found) }));
  }
  const wanted = wantedOf(path, found);
  if (process.getuid?.() !== 0) {
    return (await mayAccess(path, wanted)) ? null : findingOf(await denied(path));
  }
  if (user === null || mayUse(found, user, wanted)) return null;
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
  return finding('local-owner', { path, owner: found.uid, mode, user: user.uid, group: user.gid, folder: dataDir });
}

function wantedOf(path: string, found: Stats): number {
  if (found.isDirectory()) return constants.R_OK | constants.W_OK | constants.X_OK;
  return path.endsWith('/LOCK') ? constants.R_OK | constants.W_OK : constants.R_OK;
}

/** Whether the mode of a file permits the access that a user wants. R_OK, W_OK and X_OK are the bits of a mode. */
function mayUse({ mode, uid, gid }: Stats, user: UserId, wanted: number): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & wanted) === wanted;
}
