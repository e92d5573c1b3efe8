import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/free-port.ts';
import { scratchCertificate } from '../../support/scratch-certificate.ts';
import { ServerProcess } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../../server/cli/main.js', import.meta.url));

test('SIGHUP reads certificates and lists again, and the server keeps running', async (t) => {
  const folder = tempFolder(t);
  const [first, second] = [scratchCertificate(folder, 'first'), scratchCertificate(folder, 'second')];
  const live = { cert: join(folder, 'live.pem'), key: join(folder, 'live.key') };
  const use = ({ certPath, keyPath }: typeof first): void => {
    copyFileSync(certPath, live.cert);
    copyFileSync(keyPath, live.key);
  };
  use(first);
  const revoked = join(folder, 'revoked.json');
  writeFileSync(revoked, '{}');
  const args = ['--tls-cert', live.cert, '--tls-key', live.key, '--auth-revocations', revoked];
  const server = new ServerProcess({
    script,
    args: ['serve', '--ephemeral', '--port', '0', '--auth-secret', 's'.repeat(40), ...args],
  });
  t.after(() => server.kill());
  await server.find((line) => line.includes('"listening"') || undefined, 'the start');
  use(second);
  server.signal('SIGHUP');
  await server.find((line) => line.includes('"certificate reloaded"') || undefined, 'the new certificate', 120_000);
  writeFileSync(revoked, '{"users": ["eve"]}');
  server.signal('SIGHUP');
  await server.find((line) => line.includes('"revocation list reloaded"') || undefined, 'the new list', 120_000);
  assert.deepEqual(await server.stop(120_000), { code: 0, signal: null });
});

test('a signal before the server listens ends the process', async (t) => {
  const folder = tempFolder(t);
  // The first file that the command loads after installing its handlers sends the signal, and does not exist.
  const preload = `
import { register } from 'node:module';
setInterval(() => {}, 1_000_000);
register('data:text/javascript,' + encodeURIComponent(\`
export async function load(url, context, next) {
  if (!url.endsWith('/cli/commands.js')) return next(url, context);
  process.kill(process.pid, 'SIGTERM');
  return new Promise(() => {});
}\`));`;
  const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`];
  const server = new ServerProcess({ script, nodeArgs, args: ['serve', '--data', join(folder, 'data')] });
  t.after(() => server.kill());
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

test('an unread log neither stops the server nor keeps it from ending (I6)', async (t) => {
  const port = await freePort();
  const flags = ['--tls', 'off', '--ephemeral', '--max-request-rate-per-address', '100000'];
  const child = spawn(process.execPath, [script, 'serve', '--port', String(port), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => void child.kill('SIGKILL'));
  // The start lines are written once the server listens. Its stdout, the log, is not read.
  await once(child.stderr, 'data');
  const url = `http://127.0.0.1:${port}`;
  // A pipe holds 64 KB; each refusal is a line of more than 100 bytes. All at once, because repeated refusals are
  // delayed.
  const refused = Array.from({ length: 800 }, () => fetch(`${url}/documents/x`, { method: 'DELETE' }));
  for (const answer of await Promise.all(refused)) await answer.text();
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('the process is killed at the deadline, even if its main thread is blocked', async (t) => {
  const blocked = `
import { killAfter } from ${JSON.stringify(new URL('../../../server/cli/signals.js', import.meta.url).href)};
killAfter(1);
setImmediate(() => { for (;;); });`;
  const url = `data:text/javascript,${encodeURIComponent(blocked)}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', `import(${JSON.stringify(url)})`], {
    stdio: 'ignore',
  });
  t.after(() => void child.kill('SIGKILL'));
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
});

test('invalid settings exit with 2, and errors that may be temporary with 1', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, 'not JSON');
  mkdirSync(join(folder, 'foreign', 'documents'), { recursive: true });
  writeFileSync(join(folder, 'foreign', 'documents', 'letter.txt'), '');
  const secret = ['--auth-secret', 's'.repeat(40)];
  const cases: [number, readonly string[]][] = [
    [2, ['--auth-secret', 'short']],
    [2, ['--auth-secret-file', join(folder, 'none')]],
    [2, ['--auth-public-key', join(folder, 'none')]],
    [2, ['--auth-public-key', file]],
    [2, [...secret, '--auth-revocations', join(folder, 'none')]],
    [2, [...secret, '--auth-revocations', file]],
    [2, ['--port', '99999']],
    [1, ['--data', join(folder, 'foreign')]],
    [1, ['--host', '192.0.2.1', '--auth', 'none']],
  ];
  for (const [code, args] of cases) {
    const server = new ServerProcess({
      script,
      args: ['serve', '--data', join(folder, 'data'), '--tls', 'off', '--port', '0', ...args],
    });
    t.after(() => server.kill());
    assert.deepEqual(await server.exited, { code, signal: null }, `${args.join(' ')}\n${server.output}`);
    assert.match(server.output, /^quire: /m);
  }
});
