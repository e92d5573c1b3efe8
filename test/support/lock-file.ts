import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the project. */
export const projectFolder = fileURLToPath(new URL('../../..', import.meta.url));

export interface LockedPackage {
  /** The folder of the package: `node_modules/...`. */
  readonly path: string;
  readonly version: string;
  /** The licence as the author states it (SPDX); undefined if none is stated. */
  readonly license?: string;
}

interface LockFile {
  readonly packages: Readonly<Record<string, Omit<LockedPackage, 'path'> & { dev?: boolean; devOptional?: boolean }>>;
}

/** The packages that are installed with Quire in production: all except those for development. */
export function shippedPackages(): LockedPackage[] {
  const lock = JSON.parse(readFileSync(join(projectFolder, 'package-lock.json'), 'utf8')) as LockFile;
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, locked]) => ({ ...locked, path }));
}
