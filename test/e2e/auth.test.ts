/** Authentication with a real server process: I5, I8. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import * as Y from 'yjs';
import { emptyUpdate } from '../support/frames.ts';
import { JsonServer } from '../support/json-server.ts';
import { guardMs, within } from '../support/deadline.ts';
import { guarded, guardedBySecret, guardedHeld, joinWith } from '../support/guarded-quire.ts';
import type { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { Typist } from '../support/shared-text.ts';
import { StockClient } from '../support/stock-client.ts';
import { sharedTextName } from '../support/text-writer.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { otherSecret, secret, sign, tokenFor } from '../support/tokens.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

/** Each client has its own address, so that the refusals of one do not delay another. */
let addresses = 1;
const open = (quire: Quire, token: string | null): Promise<RawClient> =>
  joinWith(quire, token, `127.0.0.${++addresses}`);

function stock(t: TestContext, quire: Quire, token: string): StockClient {
  const client = new StockClient(quire.url, 'doc', { params: { token } });
  t.after(() => client.destroy());
  return client;
}

test('every refusal has its close code, a general reason for the client and the exact one in the log', async (t) => {
  const folder = tempFolder(t);
  const list = join(folder, 'revoked.json');
  writeFileSync(list, '{"tokens": ["t1"], "users": ["mallory"]}');
  const quire = await guardedBySecret(t, '--auth-audience', 'quire', '--auth-revocations', list);
  const aud = 'quire';
  const cases: [string | null, number, string, RegExp][] = [
    [null, 4401, 'unauthorized', /"why":"no token"/],
    ['nonsense', 4401, 'unauthorized', /not a JSON Web Token/],
    [await tokenFor({ claims: { aud }, key: otherSecret }), 4401, 'unauthorized', /signature is wrong/],
    [await tokenFor({ claims: { aud }, lifetimeMs: -1 }), 4401, 'unauthorized', /has expired/],
    [await tokenFor({ claims: { aud: 'other' } }), 4401, 'unauthorized', /'aud' is wrong/],
    [await sign({ sub: 'ada', aud, documents: [] }), 4401, 'unauthorized', /no 'exp'/],
    [await tokenFor({ claims: { aud }, document: 'other' }), 4403, 'forbidden', /does not name this document/],
    [await tokenFor({ claims: { aud, jti: 't1' } }), 4403, 'forbidden', /"why":"revoked"/],
    [await tokenFor({ claims: { aud }, user: 'mallory' }), 4403, 'forbidden', /"why":"revoked"/],
  ];
  for (const [token, code, reason, why] of cases) {
    const client = await open(quire, token);
    assert.deepEqual(await client.closed, { code, reason });
    await quire.process.find((line) => (why.test(line) ? true : undefined), String(why));
  }
  const metrics = await (await fetch(`${quire.httpUrl}/metrics`)).text();
  assert.match(metrics, new RegExp(`^quire_access_refused_total ${cases.length}$`, 'm'));
  assert.match(metrics, /^quire_sessions_ended_total\{error="forbidden"\} 3$/m);
});

test('a stock provider with a bad token stops and reports the reason; with a valid token it works, in each place for the token', async (t) => {
  const quire = await guardedBySecret(t);
  const refused = stock(t, quire, await tokenFor({ key: otherSecret }));
  assert.deepEqual(await refused.stopped(), { code: 4401, reason: 'unauthorized' });

  const token = await tokenFor();
  const inAddress = stock(t, quire, token);
  const asProtocol = new StockClient(quire.url, 'doc', { protocols: ['quire', token] });
  t.after(() => asProtocol.destroy());
  await Promise.all([inAddress.synced(), asProtocol.synced()]);
  assert.equal(asProtocol.provider.ws?.protocol, 'quire');
  inAddress.text.insert(0, 'hello');
  await asProtocol.until(() => asProtocol.content === 'hello', 'the edit');
  const program = await RawClient.open(`${quire.url}/doc`, {
    socket: { headers: { Authorization: `Bearer ${token}` } },
  });
  await program.sync();
  await program.close();
});

test('a repeated refusal is delayed longer each time', async (t) => {
  const quire = await guardedBySecret(t);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    const startMs = performance.now();
    const client = await joinWith(quire, null);
    await client.closed;
    waits.push(performance.now() - startMs);
  }
  t.diagnostic(waits.map((ms) => ms.toFixed(0)).join(' '));
  assert.ok(waits[1]! >= 245 && waits[2]! >= 495 && waits[3]! >= 995, waits.join(' '));
});

test('I5: a reader cannot change the document by any message over a real socket; presence works', async (t) => {
  const quire = await guardedBySecret(t);
  const writer = stock(t, quire, await tokenFor());
  await writer.synced();
  writer.text.insert(0, 'stored');
  await writer.saved();

  const doc = new Y.Doc();
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(writer.doc));
  const text = doc.getText(sharedTextName);
  const edit = (change: () => void): Uint8Array => {
    const before = Y.encodeStateVector(doc);
    change();
    return Y.encodeStateAsUpdate(doc, before);
  };
  const insert = (words: string): Uint8Array => edit(() => text.insert(0, words));
  const token = await tokenFor({ access: 'read', user: 'reader', claims: { name: 'Rita' } });
  const answers = [insert('answer'), emptyUpdate];
  const reader = await RawClient.open(`${quire.url}/doc`, {
    protocols: ['quire', token],
    answer: () => answers.shift() ?? emptyUpdate,
  });
  await reader.next('denied');
  const denied = async (): Promise<void> => {
    assert.equal((await reader.next('denied')).reason, 'read only');
  };
  reader.edit(insert('x'));
  await denied();
  reader.edit(edit(() => text.delete(text.length - 3, 3)));
  await denied();
  reader.send({ type: 'sync-step-2', update: insert('y') });
  await denied();
  insert('kept back');
  reader.edit(insert('z'));
  await denied();
  reader.edit(insert('x'.repeat(1_100 * 1024)));
  await denied();
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    const body = method === 'GET' ? null : new Uint8Array(insert('h'));
    const headers = { Authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${quire.httpUrl}/sync/doc`, { method, headers, body })).status, 400, method);
  }
  reader.send({ type: 'awareness', entries: [{ client: 7, clock: 1, state: '{"user":{"name":"Ada","id":"ada"}}' }] });
  await writer.untilAware(() => writer.provider.awareness.getStates().has(7), 'the reader');
  assert.deepEqual(writer.provider.awareness.getStates().get(7), { user: { name: 'Rita', id: 'reader' } });
  const [update] = await reader.sync();
  const seen = new Y.Doc();
  Y.applyUpdate(seen, update!);
  assert.equal(seen.getText(sharedTextName).toJSON(), 'stored');
  assert.equal(writer.content, 'stored');
  await reader.close();
});

test('a grant ends with its token (4501); a session whose token is valid for a minute more continues', async (t) => {
  const { quire, clock } = await guardedHeld(t);
  const nowMs = await clock.wallMs();
  const [first, second] = await Promise.all(
    [60_000, 120_000].map(async (lifetimeMs) => open(quire, await tokenFor({ nowMs, lifetimeMs }))),
  );
  await Promise.all([first!.sync(), second!.sync()]);
  // The end of a token is in seconds. One millisecond more, so that it has passed after the division.
  await clock.pass(60_001);
  assert.equal((await within(guardMs, 'the end of the first grant', first!.closed)).code, 4501);
  await second!.sync();
  await clock.pass(60_000);
  assert.equal((await within(guardMs, 'the end of the second grant', second!.closed)).code, 4501);
});

test('a revoked user is disconnected within seconds, and other users stay connected', async (t) => {
  const list = join(tempFolder(t), 'revoked.json');
  writeFileSync(list, '{}');
  const quire = await guardedBySecret(t, '--auth-revocations', list);
  const [eve, ada] = await Promise.all([open(quire, await tokenFor({ user: 'eve' })), open(quire, await tokenFor())]);
  await Promise.all([eve.sync(), ada.sync()]);
  writeFileSync(list, '{"users": ["eve"]}');
  assert.deepEqual(await eve.closed, { code: 4403, reason: 'forbidden' });
  await ada.sync();
  assert.equal((await (await open(quire, await tokenFor({ user: 'eve' }))).closed).code, 4403);
});

test('the application grants and revokes access, and while it is down no client joins', async (t) => {
  const app = await JsonServer.start(t);
  const { quire, clock } = await guardedHeld(t, ['--auth-url', app.url.href], {});
  let nowMs = await clock.wallMs();
  const answer = (): object => ({ userId: 'u1', name: 'Ada', access: 'write', until: nowMs / 1_000 + 60 });
  app.reply = (body) => {
    const { token } = body as { token: string | null };
    return token === 'opaque-1' ? { body: answer() } : { status: 401 };
  };
  const client = await joinWith(quire, 'opaque-1');
  await client.sync();
  assert.deepEqual(app.requests, [{ document: 'doc', token: 'opaque-1', origin: null, address: '127.0.0.1' }]);
  assert.equal((await (await open(quire, 'opaque-2')).closed).code, 4401);

  for (let recheck = 0; recheck < 2; recheck++) {
    const asked = new Promise<void>((resolve) => {
      app.reply = () => {
        resolve();
        return { body: answer() };
      };
    });
    // Ten seconds before the end of the grant, which is in seconds.
    nowMs += 50_001;
    await clock.pass(50_001);
    await within(guardMs, 'the application is asked again', asked);
    await client.sync();
  }
  app.reply = () => ({ status: 403 });
  await clock.pass(50_001);
  assert.deepEqual(await client.closed, { code: 4403, reason: 'forbidden' });
  app.isDown = true;
  const { code, reason } = await (await open(quire, 'opaque-1')).closed;
  assert.equal(code, 4503);
  assert.match(reason, /try again later/);
});

test('a JWKS URL that is not reachable at the start is used when it becomes reachable', async (t) => {
  const issuer = await JsonServer.start(t);
  issuer.isDown = true;
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  issuer.reply = () => ({ body: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] } });
  const quire = await guarded(t, ['--auth-jwks-url', issuer.url.href, '--auth-audience', 'quire']);
  await quire.process.find((line) => (line.includes('keys could not be fetched') ? true : undefined), 'the failure');
  const token = await tokenFor({ algorithm: 'RS256', key: privateKey, keyId: 'k1', claims: { aud: 'quire' } });
  const codes = new Set<number>();
  const client = new StockClient(quire.url, 'doc', { params: { token } });
  t.after(() => client.destroy());
  client.provider.on('connection-close', (event) => {
    codes.add(event?.code ?? 0);
    issuer.isDown = false;
  });
  await client.synced();
  assert.ok([...codes].every((code) => code === 4503));
});

test('pages of other origins are refused with status 403 before the upgrade', async (t) => {
  const quire = await guardedBySecret(t);
  const from = (origin: string, server = quire): Promise<RawClient> =>
    RawClient.open(`${server.url}/doc`, { socket: { origin } });
  await assert.rejects(from('https://evil.example'), /403/);
  await assert.rejects(from('null'), /403/);
  for (const origin of [new URL(quire.httpUrl).origin, 'http://localhost:5173']) {
    assert.equal((await (await from(origin)).closed).code, 4401);
  }
  const listed = await guardedBySecret(t, '--allowed-origins', 'https://app.example');
  await assert.rejects(from('http://localhost:5173', listed), /403/);
  assert.equal((await (await from('https://app.example', listed)).closed).code, 4401);
});

test('without authentication the server listens on loopback only; with --auth none it warns', async (t) => {
  const run = new ServerProcess({ script, args: ['serve', '--ephemeral', '--host', '0.0.0.0', '--port', '0'] });
  assert.deepEqual(await run.exited, { code: 2, signal: null });
  assert.match(run.output, /^quire: Listening on 0\.0\.0\.0 exposes every document to other machines\. Configure auth/);
  const quire = await guarded(t, ['--host', '0.0.0.0', '--auth', 'none']);
  const warning = /"level":40.*every client that reaches this server may read and write/;
  await quire.process.find((line) => warning.test(line) || undefined, 'the warning');
});

test('quire token makes a token for experiments', async (t) => {
  const quire = await guardedBySecret(t, '--auth-issuer', 'us');
  const env = { ...process.env, QUIRE_AUTH_SECRET: secret, QUIRE_AUTH_ISSUER: 'us' };
  const args = [
    'token',
    '--document',
    'd*',
    '--access',
    'read',
    '--user',
    'u7',
    '--name',
    'Grace',
    '--lifetime',
    '10m',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { env });
  const client = await open(quire, stdout.trim());
  await client.sync();
  client.edit(new Typist().type('x'));
  assert.equal((await client.next('denied')).reason, 'read only');
  await client.close();
});

test('while 100 bad tokens of one address wait for the application, a client of another address joins', async (t) => {
  const application = await JsonServer.start(t);
  const held: (() => void)[] = [];
  application.reply = (body) => {
    const { token } = body as { readonly token: string };
    const until = Math.floor(Date.now() / 1_000) + 60;
    if (token === 'opaque-good') return { body: { userId: 'u1', access: 'write', until } };
    return new Promise((resolve) => held.push(() => resolve({ status: 401 })));
  };
  const quire = await guarded(t, ['--auth-url', application.url.href]);
  const bad = await Promise.all(
    Array.from({ length: 100 }, (_, i) => joinWith(quire, `opaque-bad-${i}`, '127.0.0.66')),
  );
  const honest = await joinWith(quire, 'opaque-good', '127.0.0.67');
  await within(60_000, 'the honest client', honest.sync());
  assert.ok(held.length <= 32, `${held.length} requests of one address at once`);
  for (const client of bad) await client.close();
  for (const answer of held) answer();
});
