import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the source tree. */
export const projectFolder = fileURLToPath(new URL('../../..', import.meta.url));

export interface LockedPackage {
  /** Where npm puts it: `node_modules/...`. */
  readonly path: string;
  readonly version: string;
  /** As its author wrote it (SPDX); undefined if it says nothing. */
  readonly license?: string;
}

interface LockFile {
  readonly packages: Readonly<Record<string, Omit<LockedPackage, 'path'> & { dev?: boolean; devOptional?: boolean }>>;
}

/** What is installed with Quire where it serves: all packages but those for development. */
export function shippedPackages(): LockedPackage[] {
  const lock = JSON.parse(readFileSync(join(projectFolder, 'package-lock.json'), 'utf8')) as LockFile;
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, locked]) => ({ ...locked, path }));
}
