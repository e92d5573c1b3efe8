import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../server/config.ts';
import { examine } from '../../server/doctor/doctor.ts';
import type { Diagnosed } from '../../server/doctor/doctor.ts';
import { examineLocal } from '../../server/doctor/examine-local.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { machine } from '../../server/doctor/local-checks.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { makeToken } from '../../server/cli/token.ts';
import { Quire } from '../support/quire.ts';

const secret = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
const deps: DoctorDeps = {
  lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  now: Date.now,
  monotonicMs: () => performance.now(),
  stepTimeoutMs: 3_000,
  idleMs: null,
  proxyIdleMs: 60_000,
};

function token(...args: readonly string[]): Promise<string> {
  return makeToken(args, secret, Date.now());
}

function codesOf({ findings }: Diagnosed): readonly string[] {
  return findings.map(({ code }) => code);
}

test('behind a login of Quire, the doctor names what is wrong with the token, also when it was refused before', async (t) => {
  const quire = await Quire.start(t, { env: secret });
  const ask = async (given: string | null, document = 'doc'): Promise<readonly string[]> =>
    codesOf(await examine(parseTarget(`${quire.url}/${document}`, { token: given }), deps));
  const [forAll, forOne, forReaders] = await Promise.all([
    token('--document', '*'),
    token('--document', 'doc'),
    token('--document', '*', '--access', 'read'),
  ]);
  assert.deepEqual(await ask(forAll), []);
  assert.deepEqual(await ask(forReaders), ['sync-read-only']);
  // It may not write into a document of its own, and that is nobody's fault.
  assert.deepEqual(await ask(forOne), []);
  assert.deepEqual(await ask(null), ['sync-token-missing']);
  assert.deepEqual(await ask('x'), ['sync-token-refused']);
  assert.deepEqual(await ask(forOne, 'other'), ['sync-forbidden']);
  // Refusals are held back, longer each time: that must not look like silence.
  assert.deepEqual(await ask('x'), ['sync-token-refused']);

  const config = parseConfig(['--data', quire.dataFolder, '--port', new URL(quire.wssUrl).port], secret);
  const local = codesOf(await examineLocal(config, null, deps, { ...machine, openFilesLimit: async () => null }));
  assert.deepEqual(local, [], 'without a token the local examination ends before the login');
});
