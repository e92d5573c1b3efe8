import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The programs that tests drive and that npm does not install, with the Debian package of each. */
const debianPackages = {
  chromium: 'chromium',
  nginx: 'nginx-light',
  haproxy: 'haproxy',
  caddy: 'caddy',
  pebble: 'pebble',
  script: 'bsdutils',
} as const;

export type Program = keyof typeof debianPackages;

/** Debian installs daemons in a folder that is not on the path of ordinary users. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].filter((folder) => folder !== '');

/**
 * Options for `test` that skip the test if the program is not installed. The reason says how to install it;
 * `test/run.ts` prints each reason once at the end, and fails the run in CI.
 */
export function needs(program: Program): { readonly skip: string | false } {
  if (pathOf(program) !== null) return { skip: false };
  const variable = program === 'chromium' ? ', or set CHROMIUM_PATH' : '';
  return { skip: `${program} is not installed (apt-get install ${debianPackages[program]}${variable})` };
}

/** Where the program is, or null. CHROMIUM_PATH names a Chromium or Chrome elsewhere. */
export function pathOf(program: Program): string | null {
  const named = program === 'chromium' ? process.env['CHROMIUM_PATH'] : undefined;
  const paths = named === undefined ? folders.map((folder) => join(folder, program)) : [named];
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
