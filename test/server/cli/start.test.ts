/** What a person reads when the server starts, in the order in which it is printed. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { projectFolder } from '../../support/lock-file.ts';
import { guardMs } from '../../support/deadline.ts';
import { freePort } from '../../support/free-port.ts';
import { needs } from '../../support/programs.ts';
import { Quire } from '../../support/quire.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { secret } from '../../support/tokens.ts';

const script = fileURLToPath(new URL('../../../server/cli/main.js', import.meta.url));
const anyPorts = ['--port', '0', '--plain-port', '0'];
/** Too few for the default of --max-connections. */
const openFiles = '700';

interface Start {
  /** Lines of stdout and stderr together, as they come. */
  readonly lines: readonly string[];
  readonly pid: number;
}

/** Runs a shell command line with `$0` as Node and `$@` as `quire serve …`, and stops it when `last` was printed. */
async function startUntil(
  t: TestContext,
  shell: string,
  args: readonly string[],
  last: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Start> {
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, script, 'serve', ...args], {
    cwd: projectFolder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const end = (): void => void process.kill(-child.pid!, 'SIGKILL');
  t.after(() => child.exitCode === null && child.signalCode === null && end());
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    if (output.includes(last)) return;
    output += text;
    if (output.includes(last)) end();
  });
  await once(child, 'close');
  return { lines: output.replaceAll('\r', '').split('\n'), pid: child.pid! };
}

/** The lines up to the second blank line, which ends the first half of the block. */
function blockOf({ lines }: Start): string {
  return lines.slice(0, lines.indexOf('', lines.indexOf('') + 1)).join('\n');
}

function expectedBlock(block: string, dataFolder: string, stop: string): string {
  const [plain, secure] = [/http:\/\/127\.0\.0\.1:(\d+)/, /https:\/\/localhost:(\d+)/].map(
    (pattern) => pattern.exec(block)?.[1],
  );
  return `Quire is ready.

  Open       http://127.0.0.1:${plain}
             https://localhost:${secure}
  Editors    ws://127.0.0.1:${plain}/sync
             wss://localhost:${secure}/sync
  Documents  ${dataFolder}
  Stop       ${stop}
  Read on    docs/connect.md to connect an editor, docs/deploy.md to run it on a server`;
}

test('the ready block comes first, and warnings after it', async (t) => {
  const folder = tempFolder(t);
  const env = { QUIRE_PROT: '1' };
  const limited = `ulimit -n ${openFiles}; exec "$0" "$@" 2>&1`;
  const start = await startUntil(t, limited, ['--data', folder, ...anyPorts], 'fewer connections', env);
  assert.equal(blockOf(start), expectedBlock(blockOf(start), folder, `SIGTERM to process ${start.pid}`));
  const entries = start.lines
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as { level: number; msg: string });
  assert.match(entries[0]!.msg, /^listening$/);
  assert.match(entries[1]!.msg, /QUIRE_PROT has no effect\. Did you mean QUIRE_PORT\?/);
  assert.match(entries[2]!.msg, /^development certificate authority made$/);
});

test('on a terminal the ready block comes first too, and no list of addresses after it', needs('script'), async (t) => {
  const folder = tempFolder(t);
  const args = ['--data', folder, ...anyPorts];
  const quoted = `ulimit -n ${openFiles}; script -qec "$0 $*" /dev/null`;
  const start = await startUntil(t, quoted, args, 'fewer connections', { QUIRE_PROT: '1' });
  assert.equal(blockOf(start), expectedBlock(blockOf(start), folder, 'Ctrl+C'));
  const output = start.lines.join('\n');
  assert.doesNotMatch(output, /listening|addresses/);
  assert.ok(output.indexOf('NODE_EXTRA_CA_CERTS=') < output.indexOf('WARN'), output);
});

test('the ready block of a server with tokens says how to get one; with --demo off it names no page', async (t) => {
  const folder = tempFolder(t);
  const env = { QUIRE_AUTH_SECRET: secret };
  const args = ['--data', folder, '--tls', 'off', '--demo', 'off', '--port', '0'];
  const { lines } = await startUntil(t, 'exec "$0" "$@" 2>&1', args, 'Read on', env);
  const block = lines.join('\n');
  assert.match(block, /^ {2}Token {6}every client needs one; quire token --document '\*' prints one to try$/m);
  assert.doesNotMatch(block, /Open|https?:/);
});

test('a start that fails reports its warnings all the same', async (t) => {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'file'), '');
  const args = ['--data', join(folder, 'file'), ...anyPorts];
  const { lines } = await startUntil(t, 'exec "$0" "$@" 2>&1', args, 'quire: ', { QUIRE_PROT: '1' });
  assert.match(lines[0]!, /QUIRE_PROT has no effect/);
});

test('busy ports are all named at once, with free ones to use instead', async (t) => {
  const [plain, secure] = [await busyPort(t), await busyPort(t)];
  const folder = tempFolder(t);
  const fail = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const options = { timeout: guardMs, env: { ...process.env, npm_lifecycle_event: undefined, ...env } };
    return promisify(execFile)(process.execPath, [script, 'serve', '--data', folder, ...args], options).then(
      () => assert.fail('it started'),
      ({ stderr }: { stderr: string }) => stderr.trim(),
    );
  };
  const one = await fail(['--plain-port', String(plain), '--port', '0']);
  const [, free] = /--plain-port (\d+)/.exec(one) ?? [];
  assert.equal(
    one,
    `quire: Port ${plain} on 127.0.0.1 is in use by another program. Add --plain-port ${free}, which is free.`,
  );
  const quire = await Quire.start(t, { args: ['--plain-port', free!] });
  assert.equal((await fetch(`${quire.httpUrl}/healthz`)).status, 200);

  const both = await fail(['--plain-port', String(plain), '--port', String(secure)], { npm_lifecycle_event: 'start' });
  const [flags = ''] = /--plain-port \d+ --port \d+/.exec(both) ?? [];
  assert.equal(
    both,
    `quire: Ports ${plain} and ${secure} on 127.0.0.1 are in use by other programs. ` +
      `Add ${flags}, which are free (npm start -- ${flags}).`,
  );
});

test('npm start has something to read before each step of the build', async (t) => {
  const folder = tempFolder(t);
  const file = (path: string, content: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
    chmodSync(join(folder, path), 0o755);
  };
  file('package.json', readFileSync(join(projectFolder, 'package.json'), 'utf8'));
  file('node_modules/.bin/tsc', '#!/bin/sh\necho the compiler runs\n');
  file('client-demo/build.js', 'console.log("the page is built")');
  file('dist/server/cli/main.js', 'console.log(...process.argv.slice(2))');
  const { stdout } = await promisify(execFile)('npm', ['start'], { cwd: folder });
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('>'));
  assert.deepEqual(lines, [
    'Compiling Quire. The first time this takes about 15 seconds.',
    'the compiler runs',
    'the page is built',
    'serve',
  ]);
});

/** In the range of the tests, where no connection takes the next port by chance. */
async function busyPort(t: TestContext): Promise<number> {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return port;
}
