import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';

const folder = join(projectFolder, 'test', 'doctor', 'lts');
const binary = join(folder, 'node_modules', 'node', 'bin', 'node');
const install = 'npm ci --prefix test/doctor/lts';
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js') && file !== 'lts.test.js')
  .map((file) => join(import.meta.dirname, file));

const needsLts = { skip: existsSync(binary) ? false : `the current LTS release of Node is not installed (${install})` };

test('the doctor finds the same under the current LTS release of Node', needsLts, async () => {
  const { devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  assert.equal((await run(['--version'])).output.trim(), `v${devDependencies['node']}`);

  assert.ok(files.length > 5);
  const { code, output } = await run([
    '--enable-source-maps',
    '--test',
    '--test-reporter=tap',
    '--test-concurrency=2',
    ...files,
  ]);
  assert.equal(code, 0, failuresIn(output));
  assert.match(output, /^# pass [1-9]\d\d/m, 'the tests ran');
});

/** Runs the LTS binary of Node. Resolves with its exit code and its output. */
async function run(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  // With this variable, a process reports to the test runner that set it, and not on stdout.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const output = await text(child.stdout);
  return { code: (await exited)[0], output };
}

/** The name and the reason of each failed test. */
function failuresIn(output: string): string {
  const lines = output.split('\n');
  const failed = lines.flatMap((line, index) => (/^ *not ok/.test(line) ? lines.slice(index, index + 20) : []));
  return failed.slice(0, 200).join('\n');
}
