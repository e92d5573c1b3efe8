/** Deleting documents over HTTP with a real server process: access, leftovers, and the close of old copies. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { guarded, guardedBySecret } from '../support/guarded-quire.ts';
import { JsonServer } from '../support/json-server.ts';
import { Quire } from '../support/quire.ts';
import { inDatabase } from '../support/raw-database.ts';
import { StockClient } from '../support/stock-client.ts';
import { secret, tokenFor } from '../support/tokens.ts';

interface Answer {
  readonly status: number;
  readonly error: string | null;
}

/** The path is sent unchanged, without a URL parser. */
async function send(quire: Quire, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port } = new URL(quire.httpUrl);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const error = body === '' ? null : (JSON.parse(body) as { error: string }).error;
        resolve({ status: response.statusCode ?? 0, error });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function erase(quire: Quire, name: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (await send(quire, 'DELETE', `/documents/${name}`, headers)).status;
}

const adminToken = (): Promise<string> => tokenFor({ claims: { admin: true, documents: [] } });

async function stock(t: TestContext, quire: Quire, docName: string): Promise<StockClient> {
  const params = { token: await tokenFor({ document: '*' }) };
  const client = new StockClient(quire.url, docName, { params });
  t.after(() => client.destroy());
  return client;
}

test('a deleted document stays deleted for all clients, also after kill -9, and old copies stop by themselves (I1, I4)', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', env: { QUIRE_AUTH_SECRET: secret } });
  const ada = await stock(t, quire, 'notes/ä b');
  await ada.synced();
  ada.text.insert(0, 'old words');
  await ada.saved();
  const stopped = ada.stopped();
  assert.equal(await erase(quire, 'notes/%C3%A4%20b', await adminToken()), 204);
  assert.deepEqual(await stopped, { code: 4404, reason: 'document deleted' });

  await quire.process.kill();
  await quire.restart();
  let connections = 0;
  ada.provider.on('status', ({ status }: { status: string }) => {
    if (status === 'connected') connections += 1;
  });
  ada.text.insert(0, 'offline ');
  const refused = ada.stopped();
  ada.provider.connect();
  assert.equal((await refused).code, 4409);
  assert.equal(connections, 1, 'it does not come back');

  const bob = await stock(t, quire, 'notes/ä b');
  await bob.synced();
  assert.equal(bob.content, '');
  bob.text.insert(0, 'new words');
  await bob.saved();
  assert.equal(await erase(quire, 'notes/%C3%A4%20b', await adminToken()), 204);
  assert.equal(await erase(quire, 'notes/%C3%A4%20b', await adminToken()), 404);

  await quire.process.stop();
  const kinds = await inDatabase(join(quire.dataFolder, 'documents'), async (database) =>
    (await database.keys().all()).map((key) => String.fromCharCode(key[0]!)),
  );
  assert.deepEqual([...new Set(kinds)], ['D', 'F'], 'a tombstone and the format are all that is left');
});

test('only administrators can delete, from pages of the same origin, and only with the Authorization header', async (t) => {
  const quire = await guardedBySecret(t);
  const writer = await stock(t, quire, 'doc');
  await writer.synced();
  writer.text.insert(0, 'kept');
  await writer.saved();
  const admin = await adminToken();
  const bearer = { authorization: `Bearer ${admin}` };
  const writing = { authorization: `Bearer ${await tokenFor()}` };
  const cases: [string, Record<string, string>, number, string][] = [
    ['/documents/doc', {}, 401, 'unauthorized'],
    [`/documents/doc?token=${admin}`, {}, 401, 'unauthorized'],
    ['/documents/doc', writing, 403, 'forbidden'],
    ['/documents/doc', { ...bearer, origin: 'https://evil.example' }, 403, 'forbidden'],
    ['/documents/other', bearer, 404, 'not-found'],
    ['/documents/other/../doc', bearer, 400, 'bad-document-name'],
    ['/documents/other/%2e%2e/doc', bearer, 400, 'bad-document-name'],
    ['/documents/', bearer, 400, 'bad-document-name'],
    ['/documents/%ff', bearer, 400, 'bad-document-name'],
  ];
  for (const [path, headers, status, error] of cases) {
    const answer = await send(quire, 'DELETE', path, headers);
    assert.deepEqual(answer, { status, error }, path.replace(admin, '...'));
  }
  assert.equal((await send(quire, 'GET', '/documents/doc', bearer)).status, 405);
  assert.equal(writer.isConnected, true);
  const metrics = await (await fetch(`${quire.httpUrl}/metrics`)).text();
  assert.match(metrics, /^quire_deletions_refused_total\{error="forbidden"\} 2$/m);
  assert.match(metrics, /^quire_documents_deleted_total 0$/m);
  assert.equal(await erase(quire, 'doc', admin), 204);
});

test('without authentication no client can delete a document, not even from this machine', async (t) => {
  for (const args of [[], ['--auth', 'none']]) {
    const quire = await guarded(t, args);
    assert.deepEqual(await send(quire, 'DELETE', '/documents/doc'), { status: 403, error: 'forbidden' });
    await quire.process.find(
      (line) => (/without authentication there are no administrators/.test(line) ? true : undefined),
      'why',
    );
  }
});

test('the application decides at each request whether the user is an administrator', async (t) => {
  const application = await JsonServer.start(t);
  const until = Date.now() / 1_000 + 300;
  let admin: unknown = true;
  application.reply = () => ({ body: { userId: 'ada', access: 'write', until, admin } });
  const quire = await guarded(t, ['--auth-url', application.url.href]);
  assert.equal(await erase(quire, 'doc', 'opaque'), 404);
  assert.deepEqual(application.requests.at(-1), {
    document: 'doc',
    token: 'opaque',
    origin: null,
    address: '127.0.0.1',
    admin: true,
  });
  for (admin of [undefined, 'true', 1]) assert.equal(await erase(quire, 'doc', 'opaque'), 403);
  application.reply = () => ({ status: 500 });
  assert.equal(await erase(quire, 'doc', 'opaque'), 503);
});
