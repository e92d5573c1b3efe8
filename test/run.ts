/**
 * Runs the compiled test files: `npm test`, or `npm test -- room crash` for the files whose path contains one of the words.
 *
 * The suite is the files named `*.test.ts`. With `--long` the `*.long.ts` files run instead: soak tests, thousands of
 * crashes, and the full counts of tests that the suite runs with smaller ones. In CI (`CI` is set) some tests repeat
 * their work more often than elsewhere (`support/repetitions.ts`).
 *
 * A test that needs a program which is not installed is skipped, and the last lines name each such program and how to
 * install it. In CI a skipped test fails the run.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { Skips } from './skips.ts';

/** Only guards against a file that hangs. The slowest file takes 20 s on an idle machine. */
const fileTimeoutMs = 480_000;

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const suffix = process.argv.includes('--long') ? '.long.js' : '.test.js';
const root = import.meta.dirname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(suffix) && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort(byDuration)
  .map((file) => join(root, file));

if (files.length === 0) {
  console.error(`No ${suffix} file matches: ${words.join(' ')}`);
  process.exit(1);
}

const skips = new Skips();

/** Files that start servers and browsers take longest and come first, so that none of them runs alone at the end. */
function byDuration(a: string, b: string): number {
  return Number(isSlow(b)) - Number(isSlow(a)) || (a < b ? -1 : 1);
}

function isSlow(file: string): boolean {
  return /^(e2e|client-demo|doctor|package)\//.test(file);
}

// Twice as many files as there are cores: files with servers wait for sockets and disks most of the time.
run({
  files,
  concurrency: availableParallelism() * 2,
  timeout: suffix === '.test.js' ? fileTimeoutMs : Infinity,
})
  .on('test:pass', ({ skip }) => skips.add(skip))
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  })
  .compose(new spec())
  .on('end', () => {
    for (const line of skips.summary()) console.log(line);
    if (skips.total > 0 && process.env['CI'] !== undefined) {
      console.error('A test was skipped, which counts as a failure in CI.');
      process.exitCode = 1;
    }
  })
  .pipe(process.stdout);
