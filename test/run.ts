/**
 * Runs the compiled test files: `npm test`, or `npm test -- room crash` for the files whose path contains one of the
 * words.
 *
 * The suite is the files named `*.test.ts`. With `--long` the `*.long.ts` files run instead: soak tests, thousands of
 * crashes, and the full counts of tests that the suite runs with smaller ones. In CI (`CI` is set) some tests repeat
 * their work more often than elsewhere (`support/repetitions.ts`).
 *
 * The demo page is built only if one of the files needs it (`support/built-page.ts`).
 *
 * A test that needs a program that is not installed is skipped, and the last lines name each such program and how to
 * install it. In CI a skipped test fails the run.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { selectTests, needsPage } from './select-tests.ts';
import { Skips } from './skips.ts';
import { projectFolder } from './support/lock-file.ts';

/** Only guards against a file that hangs. The slowest file takes 20 s on an idle machine. */
const fileTimeoutMs = 480_000;

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const suffix = process.argv.includes('--long') ? '.long.ts' : '.test.ts';
const sources = selectTests(projectFolder, suffix, words);

if (sources.length === 0) {
  console.error(`No ${suffix} file matches: ${words.join(' ')}`);
  process.exit(1);
}
if (needsPage(projectFolder, sources)) {
  const { status } = spawnSync(process.execPath, [join(projectFolder, 'client-demo/build.js')], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

const skips = new Skips();

// Twice as many files as there are cores: files with servers wait for sockets and disks most of the time.
run({
  files: sources.map((path) => join(projectFolder, 'dist', path.replace(/\.ts$/, '.js'))),
  concurrency: availableParallelism() * 2,
  timeout: suffix === '.test.ts' ? fileTimeoutMs : Infinity,
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
