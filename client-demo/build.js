/**
 * Builds the demo page and the package quire-client, unless their output is newer than every source. Runs before each
 * `npm start` and `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const root = dirname(here);
const clientOutput = join(here, 'client/dist');
const outputs = [join(root, 'dist/client-demo/site/index.html'), join(clientOutput, 'client.d.ts')];
const sources = [
  ...readdirSync(here, { recursive: true, encoding: 'utf8' })
    .map((path) => join(here, path))
    // The time of the folder `client` changes when its output is written, so only files count.
    .filter((path) => !path.startsWith(clientOutput) && statSync(path).isFile()),
  join(root, 'package-lock.json'),
];
/** @param {string} path */
const changedMs = (path) => statSync(path).mtimeMs;

const builtMs = outputs.every((path) => existsSync(path)) ? Math.min(...outputs.map(changedMs)) : 0;
if (sources.some((path) => changedMs(path) > builtMs)) {
  // On stderr, because `npm pack --json` runs this and prints JSON on stdout.
  process.stderr.write('Building the demo page ...\n');
  run('typescript/package.json', 'bin/tsc', ['-p', join(here, 'client')]);
  run('vite/package.json', 'bin/vite.js', ['build', join(here, 'page'), '--logLevel', 'warn']);
}

/**
 * @param {string} manifest
 * @param {string} script
 * @param {string[]} args
 */
function run(manifest, script, args) {
  const path = join(dirname(createRequire(import.meta.url).resolve(manifest)), script);
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
