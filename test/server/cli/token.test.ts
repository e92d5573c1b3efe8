import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { makeToken } from '../../../server/cli/token.ts';
import { ConfigError } from '../../../server/config/config.ts';
import { otherSecret, secret } from '../../support/tokens.ts';

const nowMs = 1_700_000_000_000;
const environment = { QUIRE_AUTH_SECRET: `${secret},${otherSecret}`, QUIRE_AUTH_ISSUER: 'us' };

test('a token contains the requested claims, and the issuer and audience of the same environment', async () => {
  const args = ['--document', 'a', '--document', 'b*', '--access', 'read', '--user', 'u1', '--name', 'Ada'];
  const { jti, ...claims } = decodeJwt(
    await makeToken(
      [...args, '--color', 'red', '--lifetime', '10m', '--admin', '--auth-audience', 'q'],
      environment,
      nowMs,
    ),
  );
  assert.equal(typeof jti, 'string');
  assert.deepEqual(claims, {
    sub: 'u1',
    name: 'Ada',
    color: 'red',
    admin: true,
    documents: [
      { name: 'a', access: 'read' },
      { name: 'b*', access: 'read' },
    ],
    iss: 'us',
    aud: 'q',
    iat: nowMs / 1_000,
    exp: nowMs / 1_000 + 600,
  });
});

test('a missing or wrong option is a readable error', async () => {
  const cases: [string[], Record<string, string>, RegExp][] = [
    [[], environment, /needs a document/],
    [['--document', 'a'], {}, /no secret to sign with/],
    [['--document', 'a', '--access', 'all'], environment, /--access must be one of read, write/],
    [['--document', 'a', '--lifetime', '1'], environment, /--lifetime must be a time with a unit/],
    [['--documnt', 'a'], environment, /Unknown option '--documnt'/],
    [['--document', 'a'], { QUIRE_AUTH_SECRET: 'short' }, /--auth-secret has 5 bytes/],
    [['--document', ''], environment, /would refuse this token: .*empty/],
    [['--document', 'é'.repeat(200)], environment, /would refuse this token: .*255/],
    [['--document', 'a\u0000'], environment, /would refuse this token/],
    [['--document', 'a', '--user', ''], environment, /would refuse this token: 'sub' must be/],
    [['--document', 'a', '--name', 'n'.repeat(257)], environment, /would refuse this token: 'name' must be/],
    [['--admin', '--color', ''], environment, /would refuse this token: 'color' must be/],
    [Array.from({ length: 257 }, () => '--document=a'), environment, /would refuse this token/],
    [Array.from({ length: 40 }, () => `--document=${'a'.repeat(250)}`), environment, /refuse this token: .*too long/],
  ];
  for (const [args, env, expected] of cases) {
    await assert.rejects(makeToken(args, env, nowMs), (error: Error) => {
      if (!expected.test(error.message)) throw error;
      return error instanceof ConfigError && expected.test(error.message) && !error.message.includes('\n');
    });
  }
});
