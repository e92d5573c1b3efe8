import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder, shippedPackages } from './lock-file.ts';

/** What `npm pack --json` says. */
export interface NpmPacked {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Packs the server package from what is built, as `npm publish` would. Further arguments go to `npm pack`. */
export function npmPack(...args: readonly string[]): NpmPacked {
  return pack('.', args);
}

/** The same for quire-client. */
export function npmPackClient(...args: readonly string[]): NpmPacked {
  return pack('./client-demo/client', args);
}

function pack(folder: string, args: readonly string[]): NpmPacked {
  // Everything is built already: no `prepack`.
  const answer = execFileSync('npm', ['pack', folder, '--json', '--ignore-scripts', ...args], {
    cwd: projectFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(answer) as [NpmPacked];
  return packed;
}

/**
 * Unpacks the server package as `npm install` would: `node_modules/quire-server` of an empty folder, which is returned. Its
 * dependencies are copied from this project, so that no other package is within reach and no registry is asked. The
 * command stands in `node_modules/.bin`.
 */
export function installInto(folder: string): string {
  const { filename } = npmPack('--pack-destination', folder);
  const installed = join(folder, 'node_modules/quire-server');
  for (const { path } of shippedPackages()) {
    cpSync(join(projectFolder, path), join(folder, path), { recursive: true });
  }
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
  // Makes the links to commands, and nothing else without scripts.
  execFileSync('npm', ['rebuild', '--ignore-scripts', 'quire-server'], { cwd: folder, stdio: 'ignore' });
  return installed;
}
