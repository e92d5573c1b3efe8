/** Runs the programs of docs/auth.md unchanged. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keepAuthorized } from '../../client-demo/client/client.ts';
import { freePort } from '../support/free-port.ts';
import { guarded, guardedBySecret, joinWith } from '../support/guarded-quire.ts';
import type { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { secret } from '../support/tokens.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(`${root}docs/auth.md`, 'utf8');

/** Runs the program whose first line is this name. Resolves with the address on which it listens. */
async function runProgram(t: TestContext, name: string): Promise<string> {
  const program = page
    .split('```js\n')
    .find((block) => block.startsWith(`// ${name}\n`))
    ?.split('```')[0];
  assert.ok(program !== undefined, name);
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), QUIRE_AUTH_SECRET: secret };
  const child = spawn(process.execPath, ['--input-type=module'], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  // Reports when it has run to its end, and therefore listens.
  child.stdin.end(`${program}\nconsole.log('ready');`);
  await once(child.stdout, 'data');
  return `http://127.0.0.1:${port}`;
}

async function codeOf(joining: Promise<RawClient>): Promise<number> {
  const client = await joining;
  return (await client.closed).code;
}

test('a stock provider joins with the token server and keepAuthorized', async (t) => {
  const [quire, tokens] = await Promise.all([guardedBySecret(t), runProgram(t, 'token-server.js')]);
  const client = new StockClient(quire.url, 'notes/u1/todo', { connect: false });
  t.after(() => client.destroy());
  const stop = keepAuthorized(client.provider, async () => {
    const response = await fetch(`${tokens}/token`);
    if (!response.ok) throw new Error(`no token: ${response.status}`);
    return response.text();
  });
  t.after(stop);
  await client.synced();
  client.text.insert(0, 'x');
  await client.saved();
});

test('the application admits the users that it knows, and only to their documents', async (t) => {
  const application = await runProgram(t, 'may-server.js');
  const quire = await guarded(t, ['--auth-url', `${application}/may`]);
  const params = { token: 'opaque-session-1' };
  const client = new StockClient(quire.url, 'notes/todo', { params });
  t.after(() => client.destroy());
  await client.synced();
  assert.equal(await codeOf(joinWith(quire, 'opaque-session-1')), 4403);
  assert.equal(await codeOf(joinWith(quire, 'opaque-session-2', '127.0.0.2')), 4401);
});
