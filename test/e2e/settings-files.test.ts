/** A running server whose settings files become unreadable. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority } from '../support/authority.ts';
import { badFiles, folderFor } from '../support/bad-files.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { secret, tokenFor } from '../support/tokens.ts';

const timeoutMs = 60_000;
const loop = badFiles.find(({ reason }) => reason.test('ELOOP'))!;

test('a revocation list and a client CA that become unreadable do not end the server, and stay in force (I6, I8)', async (t) => {
  const folder = tempFolder(t);
  const revocations = join(folderFor(folder, 'lists'), 'revoked.json');
  const caPath = join(folderFor(folder, 'authorities'), 'people.pem');
  const files = ['--auth-revocations', revocations, '--tls-client-ca', caPath, '--tls-client-auth', 'optional'];
  writeFileSync(revocations, '{"users": ["gone"]}');
  writeFileSync(caPath, Authority.root('People').cert);
  const quire = await Quire.start(t, { args: ['--auth-secret', secret, ...files] });
  const closeCode = async (user: string): Promise<number> => {
    const client = await RawClient.open(`${quire.url}/doc`, { protocols: ['quire', await tokenFor({ user })] });
    return (await client.closed).code;
  };
  const logged = (message: string): Promise<true> =>
    quire.process.find((line) => line.includes(message) || undefined, message, timeoutMs);
  loop.spoil(revocations);
  loop.spoil(caPath);
  await logged('revocation list cannot be read; the last one stays in force');
  await logged('client authorities cannot be read; the last ones stay in force');
  assert.equal(await closeCode('gone'), 4403);
  const metrics = await metricsOf(quire);
  for (const option of ['auth-revocations', 'tls-client-ca']) {
    assert.equal(metrics.get(`quire_file_reloads_failed_total{option="${option}"}`), 1);
  }
  loop.repair(revocations);
  writeFileSync(revocations, '{"users": ["gone", "ada"]}');
  await logged('revocation list reloaded');
  assert.equal(await closeCode('ada'), 4403);
  assert.ok(quire.process.isRunning);
});
