import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import './built-page.ts';
import { projectFolder, shippedPackages } from './lock-file.ts';

/** The output of `npm pack --json`. */
export interface NpmPacked {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Packs the server package from the build, as `npm publish` would. Further arguments are passed to `npm pack`. */
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
 * Unpacks the server package as `npm install` would, into `node_modules/quire-server` of an empty folder, and returns
 * that path. Its dependencies are copied from this project, so that no other package can be found and no registry is
 * asked. The command is in `node_modules/.bin`.
 */
export function installInto(folder: string): string {
  const { filename } = npmPack('--pack-destination', folder);
  const installed = join(folder, 'node_modules/quire-server');
  for (const { path } of shippedPackages()) {
    cpSync(join(projectFolder, path), join(folder, path), { recursive: true });
  }
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
  // Only creates the links to commands, because scripts are off.
  execFileSync('npm', ['rebuild', '--ignore-scripts', 'quire-server'], { cwd: folder, stdio: 'ignore' });
  return installed;
}
