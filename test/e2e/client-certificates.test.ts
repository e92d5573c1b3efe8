/** Clients with certificates: their user, and the refusal of a bad certificate. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { sequence, tagged } from '../../server/tls/der.ts';
import { extension } from '../../server/tls/issue-certificate.ts';
import { Authority } from '../support/authority.ts';
import type { LeafOptions, Pair } from '../support/authority.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { secret, tokenFor } from '../support/tokens.ts';

const people = Authority.root('People');
const strangers = Authority.root('Strangers');
const hourMs = 3_600_000;

async function setUp(t: TestContext, ...args: string[]) {
  const folder = tempFolder(t);
  const caPath = join(folder, 'people.pem');
  const revocations = join(folder, 'revoked.json');
  writeFileSync(caPath, people.cert);
  writeFileSync(revocations, '{}');
  const quire = await Quire.start(t, { args: ['--tls-client-ca', caPath, '--auth-revocations', revocations, ...args] });
  const open = (pair: Pair | null, token?: string) =>
    RawClient.open(`${quire.wssUrl}/doc`, {
      ca: quire.ca,
      ...(token === undefined ? {} : { protocols: ['quire', token] }),
      ...(pair === null ? {} : { socket: pair }),
    });
  /** The close code of a client that is refused; null for a client that is admitted. */
  const outcome = async (pair: Pair | null, token?: string): Promise<number | null> => {
    const client = await open(pair, token);
    const live = client.sync().then(
      () => null,
      () => undefined,
    );
    const code = await Promise.race([live, client.closed.then(({ code }) => code)]);
    const closed = code === undefined ? (await client.closed).code : code;
    await client.close();
    return closed;
  };
  return { quire, open, outcome, caPath, revocations };
}

/** Replaces a file by renaming, so that no reader sees half of it. */
function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

/** A certificate of a user, with an e-mail address. */
function person(authority: Authority, commonName: string, email: string | null, dates: LeafOptions = {}): Pair {
  const names = email === null ? [] : [tagged(1, false, Buffer.from(email))];
  const extensions = names.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...names))];
  return authority.leaf({ names: [], commonName, extensions, ...dates });
}

const ada = person(people, 'Ada', 'ada');

test('a certificate opens documents; without one, or with a bad one, the close code refuses and the log has the reason', async (t) => {
  const { quire, outcome } = await setUp(t);
  assert.equal(await outcome(ada), null);
  const refusals: readonly [Pair | null, RegExp][] = [
    [null, /no client certificate/],
    [person(strangers, 'Ada', 'ada'), /not trusted: UNABLE_TO_/],
    [person(people, 'Ada', 'ada', { fromMs: Date.now() - 2 * hourMs, toMs: Date.now() - hourMs }), /CERT_HAS_EXPIRED/],
  ];
  for (const [pair, why] of refusals) {
    assert.equal(await outcome(pair), 4401, String(why));
    await quire.process.find(
      (line) => (line.includes('access refused') && why.test(line) ? line : undefined),
      String(why),
    );
  }
});

test('a token and a certificate must be for the same user; if certificates are optional, one of the two is enough', async (t) => {
  const both = await setUp(t, '--auth-secret', secret);
  assert.equal(await both.outcome(ada, await tokenFor({ user: 'ada' })), null);
  assert.equal(await both.outcome(ada, await tokenFor({ user: 'eve' })), 4403);
  assert.equal(await both.outcome(ada), 4401);
  assert.equal(await both.outcome(null, await tokenFor({ user: 'ada' })), 4401);

  const either = await setUp(t, '--auth-secret', secret, '--tls-client-auth', 'optional');
  assert.equal(await either.outcome(ada), null);
  assert.equal(await either.outcome(null, await tokenFor({ user: 'ada' })), null);
  assert.equal(await either.outcome(null), 4401);
  assert.equal(await either.outcome(person(strangers, 'Ada', 'ada'), await tokenFor({ user: 'ada' })), 4401);
});

test('a revoked user is disconnected, and replaced authorities apply from then on', async (t) => {
  const { quire, open, outcome, revocations, caPath } = await setUp(t);
  const client = await open(ada);
  await client.sync();
  const lovelace = person(people, 'Lovelace, Ada', null);
  const other = await open(lovelace);
  await other.sync();
  replace(revocations, '{"users": ["ada", "Lovelace, Ada"]}');
  assert.equal((await client.closed).code, 4403);
  assert.equal((await other.closed).code, 4403);
  assert.equal(await outcome(ada), 4403);
  assert.equal(await outcome(lovelace), 4403);
  assert.equal(await outcome(person(people, 'Bob', null)), null);

  replace(caPath, 'nothing');
  await quire.process.find((line) => (line.includes('the last ones stay in force') ? line : undefined), 'the bad file');
  assert.equal(await outcome(person(people, 'Bob', null)), null);
  replace(caPath, strangers.cert);
  await quire.process.find((line) => (line.includes('client authorities reloaded') ? line : undefined), 'the new file');
  assert.equal(await outcome(person(people, 'Bob', null)), 4401);
  assert.equal(await outcome(person(strangers, 'Bob', null)), null);
});
