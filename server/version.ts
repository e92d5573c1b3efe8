import { readFileSync } from 'node:fs';

/** The version of this package, as package.json has it. */
export function readVersion(): string {
  // From dist/server, where this runs, two folders up.
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
