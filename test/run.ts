/**
 * Runs the compiled test files: `npm test`, or `npm test -- room crash` for the files whose path contains one of the words.
 *
 * Files named `*.test.ts` are the suite; `*.long.ts` are the longer ones (soak, thousands of crashes) and run only
 * when `--long` is given.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** No file of the suite takes a third of this, even on a busy machine: what hangs must fail, not hang the rest. */
const fileTimeoutMs = 240_000;

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const suffix = process.argv.includes('--long') ? '.long.js' : '.test.js';
const root = import.meta.dirname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(suffix) && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort()
  .map((file) => join(root, file));

if (files.length === 0) {
  console.error(`No ${suffix} file matches: ${words.join(' ')}`);
  process.exit(1);
}

run({ files, concurrency: availableParallelism(), timeout: suffix === '.test.js' ? fileTimeoutMs : Infinity })
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
