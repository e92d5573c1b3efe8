import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusalDelay } from '../../server/auth/refusal-delay.ts';
import { stepTimeoutMs } from '../../server/cli/doctor.ts';
import { parseConfig } from '../../server/config/config.ts';
import { examine } from '../../server/doctor/doctor.ts';
import type { Diagnosed } from '../../server/doctor/doctor.ts';
import { examineLocal } from '../../server/doctor/examine-local.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { machine } from '../../server/doctor/machine.ts';
import { firstAnswerMs } from '../../server/doctor/sync-client.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { makeToken } from '../../server/cli/token.ts';
import { guardMs } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';

const secret = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
const deps: DoctorDeps = {
  lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  now: Date.now,
  monotonicMs: () => performance.now(),
  stepTimeoutMs: guardMs,
  idleMs: null,
  proxyIdleMs: 60_000,
};

function token(...args: readonly string[]): Promise<string> {
  return makeToken(args, secret, Date.now());
}

function codesOf({ findings }: Diagnosed): readonly string[] {
  return findings.map(({ code }) => code);
}

test('on a server with authentication, the doctor names the problem of the token, also after an earlier refusal', async (t) => {
  // One server for each kind of refusal, because each repeated refusal is delayed longer.
  const [quire, other, third] = await Promise.all([0, 1, 2].map(() => Quire.start(t, { env: secret })));
  const ask = async (given: string | null, document = 'doc', server = quire!): Promise<readonly string[]> =>
    codesOf(await examine(parseTarget(`${server.url}/${document}`, { token: given }), deps));
  const [forAll, forOne, forReaders] = await Promise.all([
    token('--document', '*'),
    token('--document', 'doc'),
    token('--document', '*', '--access', 'read'),
  ]);
  assert.deepEqual(await ask(forAll), []);
  assert.deepEqual(await ask(forReaders), ['sync-read-only']);
  // The token does not allow the scratch document, which is not a fault.
  assert.deepEqual(await ask(forOne), []);
  assert.deepEqual(await ask(null, 'doc', other), ['sync-token-missing']);
  assert.deepEqual(await ask(forOne, 'other', other), ['sync-forbidden']);
  assert.deepEqual(await ask('x', 'doc', third), ['sync-token-refused']);
  assert.deepEqual(await ask('x', 'doc', third), ['sync-token-refused']);

  const config = parseConfig(['--data', quire!.dataFolder, '--port', new URL(quire!.wssUrl).port], secret);
  const local = codesOf(await examineLocal(config, null, deps, { ...machine, openFilesLimit: async () => null }));
  assert.deepEqual(local, [], 'without a token the local examination ends before the login');
});

test('the longest delay of a refusal does not count as silence', () => {
  const delay = new RefusalDelay();
  const delays = Array.from({ length: 20 }, () => delay.refused('192.0.2.1', 'x', 0));
  assert.ok(firstAnswerMs({ ...deps, stepTimeoutMs }) > Math.max(...delays));
});
