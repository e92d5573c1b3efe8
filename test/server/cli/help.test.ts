import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { helpText } from '../../../server/cli/usage.ts';
import { optionNames, options, variableOf } from '../../../server/config/options.ts';
import { guardMs } from '../../support/deadline.ts';

const script = fileURLToPath(new URL('../../../server/cli/main.js', import.meta.url));

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function quire(...args: readonly string[]): Promise<Output> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: guardMs }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

async function pageOf(command: string | null, topic: string | null = null): Promise<string> {
  const page = await helpText(command, topic);
  assert.ok(page !== null);
  return page;
}

/** The names of the options that a page lists, in order. */
function optionsIn(page: string): string[] {
  return [...page.matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name!);
}

function widest(page: string): number {
  return Math.max(...page.split('\n').map((line) => line.length));
}

test('quire --help fits on one screen of 24 lines, and names each command', async () => {
  const page = await pageOf(null);
  // One line less, because the prompt takes one.
  assert.ok(page.split('\n').length <= 23, page);
  for (const command of ['serve', 'doctor', 'token', 'help']) assert.match(page, new RegExp(`^  ${command} `, 'm'));
});

test('every help page is at most 100 columns wide; the overview and the pages of serve at most 80', async () => {
  for (const page of [await pageOf(null), await pageOf('serve'), await pageOf('serve', 'limits')]) {
    assert.ok(widest(page) <= 80, page);
  }
  for (const page of [await pageOf('doctor'), await pageOf('token')]) assert.ok(widest(page) <= 100, page);
});

test('quire serve --help has each option in a group, and the limits behind --help limits', async () => {
  const [page, limits] = [await pageOf('serve'), await pageOf('serve', 'limits')];
  assert.deepEqual([...optionsIn(page), ...optionsIn(limits)], optionNames);
  assert.ok(optionsIn(page).every((name) => !name.startsWith('max-')));
  assert.ok(optionsIn(limits).every((name) => name.startsWith('max-')));
  const help = `${page} ${limits}`.replaceAll(/\s+/g, ' ');
  for (const name of optionNames) {
    assert.ok(help.includes(` ${variableOf(name)} `), name);
    const { default: defaultText, value } = options[name];
    if (defaultText !== null && value !== null) assert.ok(help.includes(`Default: ${defaultText}.`), name);
  }
  assert.deepEqual(page.match(/^[A-Z].*$/gm)?.slice(-4), ['Network and TLS', 'Authentication', 'Operation', 'Limits']);
});

test('each way to ask for help prints the page of that command to stdout, with exit status 0', async () => {
  const cases: readonly (readonly [command: string | null, topic: string | null, ...args: string[]])[] = [
    [null, null, '--help'],
    [null, null, '-h'],
    [null, null, 'help'],
    ['serve', null, 'serve', '--help'],
    ['serve', null, 'serve', '--data', 'somewhere', '-h'],
    ['serve', null, 'help', 'serve'],
    ['serve', 'limits', 'serve', '--help', 'limits'],
    ['serve', 'limits', 'help', 'serve', 'limits'],
    ['serve', 'limits', '--help', 'limits'],
    ['doctor', null, 'doctor', '--help'],
    ['token', null, 'token', '-h'],
  ];
  for (const [command, topic, ...args] of cases) {
    const expected = { code: 0, stdout: `${await pageOf(command, topic)}\n`, stderr: '' };
    assert.deepEqual(await quire(...args), expected, args.join(' '));
  }
});

test('help about an unknown command or topic is an error with a hint', async () => {
  const hints: readonly (readonly [hint: string, ...args: string[]])[] = [
    ["There is no command 'serv'. Did you mean: quire serve?\n", 'serv', '--help'],
    ["There is no command 'toke'. Did you mean: quire token?\n", 'help', 'toke'],
    ["quire serve has no help about 'ports'. See quire serve --help.\n", 'serve', '--help', 'ports'],
  ];
  for (const [stderr, ...args] of hints) {
    assert.deepEqual(await quire(...args), { code: 2, stdout: '', stderr }, args.join(' '));
  }
});
