import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Skips } from './skips.ts';

interface Ending {
  readonly code: number;
  readonly lines: readonly string[];
}

/** Runs a file of browser tests as `npm test` does, on a machine without a browser. */
function runWithoutBrowser(variables: NodeJS.ProcessEnv): Promise<Ending> {
  const { NODE_TEST_CONTEXT: _, CI: __, ...env } = process.env;
  const args = [join(import.meta.dirname, 'run.js'), 'client-demo/comfort'];
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { env: { ...env, ...variables, CHROMIUM_PATH: '/nowhere' } },
      (_error, stdout) => {
        resolve({ code: child.exitCode ?? -1, lines: stdout.trimEnd().split('\n') });
      },
    );
  });
}

const reason = 'chromium is not installed (apt-get install chromium, or set CHROMIUM_PATH)';

test('a test without its program is skipped, and the last line says how to install the program', async () => {
  const { code, lines } = await runWithoutBrowser({});
  assert.equal(code, 0);
  assert.equal(lines.at(-1), `Skipped 1 test: ${reason}`);
});

test('in CI a skipped test fails the run', async () => {
  const { code, lines } = await runWithoutBrowser({ CI: 'true' });
  assert.equal(code, 1);
  assert.equal(lines.at(-1), `Skipped 1 test: ${reason}`);
});

test('each reason for skipping is printed once, with the number of tests', () => {
  const skips = new Skips();
  for (const skip of [undefined, false, 'no nginx', true, 'no Chromium', 'no nginx', '']) skips.add(skip);
  assert.equal(skips.total, 5);
  assert.deepEqual(skips.summary(), [
    'Skipped 2 tests: no nginx',
    'Skipped 2 tests: no reason given',
    'Skipped 1 test: no Chromium',
  ]);
});
