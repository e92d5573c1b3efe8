import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder, shippedPackages } from './lock-file.ts';

/** What `npm pack --json` says. */
export interface NpmPacked {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Packs what is built, as `npm publish` would. Further arguments go to `npm pack`. */
export function npmPack(...args: readonly string[]): NpmPacked {
  // Everything is built already: no `prepack`.
  const answer = execFileSync('npm', ['pack', '--json', '--ignore-scripts', ...args], {
    cwd: projectFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(answer) as [NpmPacked];
  return packed;
}

/**
 * Packs and unpacks it, as `npm install` would: `node_modules/quire` of an empty folder, which is returned. Its dependencies
 * are those that are installed here, copied, so that no other is within reach and no registry is asked.
 */
export function installInto(folder: string): string {
  const { filename } = npmPack('--pack-destination', folder);
  const installed = join(folder, 'node_modules/quire');
  for (const { path } of shippedPackages()) {
    cpSync(join(projectFolder, path), join(folder, path), { recursive: true });
  }
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
  return installed;
}
