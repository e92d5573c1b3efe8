import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RawClient } from '../../support/raw-client.ts';
import { guardMs } from '../../support/deadline.ts';
import { Quire } from '../../support/quire.ts';
import { scratchCertificate } from '../../support/scratch-certificate.ts';
import { ServerProcess } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../../server/cli/main.js', import.meta.url));
const anyPorts = ['--port', '0', '--plain-port', '0'];

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that exits by itself. */
function run(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: guardMs }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

/** Checks that a start fails with exit status 1 and one line on stderr without a stack. */
async function failsWith(sentence: RegExp, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('serve', ...args);
  assert.match(stderr, sentence);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  assert.match(stderr, /^quire: /);
  assert.equal(code, 1);
}

test('the version is printed to stdout', async () => {
  const manifest = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  assert.equal((await run('--version')).stdout.trim(), manifest.version);
});

test('an unknown command or option exits with 2 and a readable error', async () => {
  const none = await run();
  assert.equal(none.code, 2);
  assert.match(none.stderr, /To start a server: quire serve/);
  const unknown = await run('serv');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no command 'serv'\. Did you mean: quire serve\?/);
  const option = await run('serve', '--prot', '1');
  assert.equal(option.code, 2);
  assert.equal(option.stderr, 'quire: There is no option --prot. Did you mean --port?\n');
});

test('the start lines name the URLs and how to trust them; stdout has one JSON object per line', async (t) => {
  const folder = tempFolder(t);
  const child = execFile(process.execPath, [script, 'serve', '--data', folder, ...anyPorts]);
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (text: string) => (stdout += text));
  child.stderr?.on('data', (text: string) => {
    stderr += text;
    if (stderr.includes('Browsers')) child.kill('SIGTERM');
  });
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0);
  assert.match(stderr, /ws:\/\/127\.0\.0\.1:\d+\/sync[^]*wss:\/\/localhost:\d+\/sync/);
  assert.ok(stderr.includes(`NODE_EXTRA_CA_CERTS=${join(folder, 'tls', 'ca.pem')}`));
  const entries = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string });
  assert.deepEqual(
    entries.map((entry) => entry.msg).filter((msg) => ['listening', 'stopping', 'stopped'].includes(msg)),
    ['listening', 'stopping', 'stopped'],
  );
});

test('Node trusts the development certificate only with NODE_EXTRA_CA_CERTS', async (t) => {
  const quire = await Quire.start(t);
  const probe = `
    const request = require('node:https').get(process.argv[1], (answer) => { console.log(answer.statusCode); answer.resume(); });
    request.on('error', (error) => console.log(error.code));`;
  const url = quire.wssUrl.replace('wss', 'https').replace('/sync', '/healthz');
  const ask = (env: NodeJS.ProcessEnv): Promise<string> =>
    new Promise((resolve) => {
      execFile(process.execPath, ['-e', probe, url], { env: { ...process.env, ...env } }, (_, stdout) =>
        resolve(stdout.trim()),
      );
    });
  assert.equal(await ask({ NODE_EXTRA_CA_CERTS: join(quire.dataFolder, 'tls', 'ca.pem') }), '200');
  assert.equal(await ask({}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('a configured certificate is served, without a plain port', async (t) => {
  const folder = tempFolder(t);
  const { certPath, keyPath, caPath } = scratchCertificate(folder, 'own');
  const args = ['serve', '--data', join(folder, 'data'), '--port', '0', '--tls-cert', certPath, '--tls-key', keyPath];
  const server = new ServerProcess({ script, args });
  t.after(() => server.kill());
  const port = await server.find((line) => /wss:\/\/[^:]+:(\d+)/.exec(line)?.[1], 'the address');
  const client = await RawClient.open(`wss://localhost:${port}/sync/doc`, { ca: readFileSync(caPath, 'utf8') });
  await client.sync();
  await client.close();
  assert.doesNotMatch(server.output, /\bws:/);
});

test('a failed start is explained in one line, with exit status 1', async (t) => {
  const folder = tempFolder(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const foreign = join(folder, 'foreign');
  mkdirSync(join(foreign, 'documents'), { recursive: true });
  writeFileSync(join(foreign, 'documents', 'letter.txt'), '');
  const own = scratchCertificate(folder, 'own');
  const other = scratchCertificate(folder, 'other');
  const data = ['--data', join(folder, 'data'), ...anyPorts];
  const sure = ['--data', join(folder, 'data'), '--port', '0'];

  await failsWith(
    /Port \d+ on 127\.0\.0\.1 is in use/,
    '--data',
    join(folder, 'data'),
    '--port',
    String(port),
    '--plain-port',
    '0',
  );
  await failsWith(/192\.0\.2\.1 is not an address of this machine/, ...sure, '--host', '192.0.2.1', '--auth', 'none');
  await failsWith(/Cannot use the folder .*not a directory/, '--data', join(file, 'data'), ...anyPorts);
  await failsWith(/foreign/, '--data', foreign, ...anyPorts);
  await failsWith(/there is no such file/, ...sure, '--tls-cert', join(folder, 'none'), '--tls-key', own.keyPath);
  await failsWith(
    /does not belong to the certificate/,
    ...sure,
    '--tls-cert',
    own.certPath,
    '--tls-key',
    other.keyPath,
  );
  rmSync(join(folder, 'data', 'tls'), { recursive: true, force: true });
  writeFileSync(join(folder, 'data', 'tls'), '');
  await failsWith(/development certificate cannot be stored in/, ...data);
});

test('a second process on a data folder exits with a readable error; the first is unaffected', async (t) => {
  const quire = await Quire.start(t);
  const first = await RawClient.open(`${quire.url}/doc`);
  await failsWith(/another|other process|in use/i, '--data', quire.dataFolder, ...anyPorts);
  await first.sync();
  await first.close();
});

test('after SIGTERM clients are told to reconnect (1012), and the server exits with 0', async (t) => {
  const quire = await Quire.start(t);
  const client = await RawClient.open(`${quire.url}/doc`);
  await client.sync();
  const exit = quire.process.stop();
  assert.deepEqual(await client.closed, { code: 1012, reason: 'server is restarting' });
  assert.deepEqual(await exit, { code: 0, signal: null });
});

test('a second signal ends the server at once, with exit status 1', async (t) => {
  const quire = await Quire.start(t);
  const client = await RawClient.open(`${quire.url}/doc`);
  // Does not answer the close frame: the first signal waits for it.
  client.pauseReading();
  quire.process.signal('SIGTERM');
  await quire.process.find((line) => (line.includes('"stopping"') ? true : undefined), 'the first signal');
  quire.process.signal('SIGINT');
  assert.deepEqual(await quire.process.exited, { code: 1, signal: null });
  client.terminate();
});

test('with --ephemeral neither documents nor keys are on disk', async (t) => {
  const folder = join(tempFolder(t), 'data');
  const quire = await Quire.start(t, { dataFolder: folder, args: ['--ephemeral'] });
  const client = await RawClient.open(`${quire.url}/doc`);
  await client.sync();
  await client.close();
  assert.throws(() => readFileSync(folder), { code: 'ENOENT' });
  const authority = await quire.process.find((line) => /NODE_EXTRA_CA_CERTS=(.*)/.exec(line)?.[1], 'the authority');
  assert.match(readFileSync(authority, 'utf8'), /BEGIN CERTIFICATE/);
  await quire.process.stop();
  assert.throws(() => readFileSync(authority), { code: 'ENOENT' });
});
