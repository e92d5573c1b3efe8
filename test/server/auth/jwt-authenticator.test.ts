/** I5 and I8: a client without a valid token is refused, and the log says why. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import type { JWTPayload } from 'jose';
import { AccessError } from '../../../server/auth/access-error.ts';
import { JwtAuthenticator } from '../../../server/auth/jwt-authenticator.ts';
import { FixedKeys } from '../../../server/auth/key-source.ts';
import type { KeySource } from '../../../server/auth/key-source.ts';
import { publicKeys, secretKey } from '../../../server/auth/verify-key.ts';
import type { VerifyKey } from '../../../server/auth/verify-key.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import { accessRefused } from '../../support/access-refused.ts';
import { otherSecret, secret, sign, tokenFor } from '../../support/tokens.ts';

const nowMs = 1_700_000_000_000;

interface Options {
  readonly keys?: readonly VerifyKey[];
  readonly issuer?: string;
  readonly audience?: string;
}

function ask(token: string | null, { keys = [secretKey(secret)], issuer, audience }: Options = {}): Promise<Grant> {
  const authenticator = new JwtAuthenticator({
    sources: [new FixedKeys(keys)],
    issuer: issuer ?? null,
    audience: audience ?? null,
    now: () => nowMs,
  });
  return authenticator.authenticate({ docId: 'doc', token, origin: null, address: '127.0.0.1' });
}

const good = (claims: JWTPayload = {}): Promise<string> => tokenFor({ nowMs, claims });

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string;
}

test('a valid token grants the access in its claims until it expires', async () => {
  assert.deepEqual(await ask(await good({ jti: 't1', color: 'red' })), {
    userId: 'ada',
    person: { name: 'Ada', color: 'red' },
    docId: 'doc',
    access: 'write',
    untilMs: nowMs + 3_600_000,
    tokenId: 't1',
  });
});

test('every other token is refused with a detailed reason in the log and a general one for the client', async () => {
  const [header, payload, signature] = (await good()).split('.') as [string, string, string];
  const forged = Buffer.from(JSON.stringify({ sub: 'eve', exp: 2e9 })).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const cases: [string, string | null, RegExp, Options?][] = [
    ['none at all', null, /^no token$/],
    ['nonsense', 'nonsense', /not a JSON Web Token/],
    ['dots', '..', /not a JSON Web Token/],
    ['too long', 'x'.repeat(8_193), /too long/],
    ['without a signature', `${header}.${payload}.`, /signature is wrong/],
    ['with another payload', `${header}.${forged}.${signature}`, /signature is wrong/],
    ['of another secret', await tokenFor({ nowMs, key: otherSecret }), /signature is wrong/],
    ['algorithm none', `${none}.${payload}.`, /no key for the algorithm/],
    ['another hash', await tokenFor({ nowMs, algorithm: 'HS512', key: secret.repeat(2) }), /no key for the algorithm/],
    ['no end', await sign({ sub: 'ada', documents: [] }), /no 'exp'/],
    ['expired', await good({ exp: nowMs / 1_000 }), /expired/],
    ['expired a second ago, within the tolerance', await good({ exp: nowMs / 1_000 - 1 }), /expired/],
    ['expired long ago', await good({ exp: 1 }), /expired/],
    ['not yet valid', await good({ nbf: nowMs / 1_000 + 60 }), /not valid yet/],
    ['no user', await sign({ exp: nowMs / 1_000 + 60 }), /no 'sub'/],
    ['another issuer', await good({ iss: 'them' }), /'iss' is wrong/, { issuer: 'us' }],
    ['no issuer', await good(), /no 'iss'/, { issuer: 'us' }],
    ['another audience', await good({ aud: 'them' }), /'aud' is wrong/, { audience: 'us' }],
  ];
  for (const [name, token, why, options] of cases) {
    await assert.rejects(ask(token, options), accessRefused('unauthorized', why), name);
    const error = await ask(token, options).catch((error: unknown) => error);
    assert.equal((error as Error).message, 'unauthorized', name);
  }
});

test('an issuer clock that is slightly ahead is tolerated, an expired token is not', async () => {
  assert.equal((await ask(await good({ nbf: nowMs / 1_000 + 3 }))).userId, 'ada');
});

test('a token with the required issuer and audience is accepted', async () => {
  const options = { issuer: 'us', audience: 'quire' };
  assert.equal((await ask(await good({ iss: 'us', aud: ['quire', 'other'] }), options)).userId, 'ada');
});

async function enter(by: JwtAuthenticator, token: string): Promise<void> {
  await by.authenticate({ docId: 'doc', token, origin: null, address: '127.0.0.1' });
}

test('without the options any issuer and audience is accepted, and reported once for each claim', async () => {
  const told: string[] = [];
  const sources = [new FixedKeys([secretKey(secret)])];
  const authenticator = (issuer: string | null, audience: string | null) =>
    new JwtAuthenticator({ sources, issuer, audience, now: () => nowMs, unchecked: (claim) => void told.push(claim) });
  const token = await good({ iss: 'us', aud: ['quire', 'other'] });
  const open = authenticator(null, null);
  await enter(open, await good());
  assert.deepEqual(told, []);
  await enter(open, token);
  await enter(open, token);
  assert.deepEqual(told.splice(0), ['iss', 'aud']);
  await enter(authenticator('us', 'quire'), token);
  assert.deepEqual(told, []);
});

test('a document that the token does not name is forbidden, not unauthorized', async () => {
  await assert.rejects(ask(await tokenFor({ nowMs, document: 'other' })), accessRefused('forbidden', /does not name/));
});

test('tokens of several secrets are accepted, so that an old secret can be removed later', async () => {
  const [old, next] = [secretKey(secret), secretKey(otherSecret)];
  const tokens = [await tokenFor({ nowMs }), await tokenFor({ nowMs, key: otherSecret })] as const;
  for (const token of tokens) assert.equal((await ask(token, { keys: [old, next] })).userId, 'ada');
  await assert.rejects(ask(tokens[0], { keys: [next] }), accessRefused('unauthorized', /signature/));
});

test('a failed key source matters only if no other source has a fitting key', async () => {
  const down: KeySource = { find: () => Promise.reject(new AccessError('auth-unavailable', 'down')) };
  const ask = (keys: readonly VerifyKey[], token: string): Promise<Grant> => {
    const sources = [down, new FixedKeys(keys)];
    const authenticator = new JwtAuthenticator({ sources, issuer: null, audience: null, now: () => nowMs });
    return authenticator.authenticate({ docId: 'doc', token, origin: null, address: '127.0.0.1' });
  };
  assert.equal((await ask([secretKey(secret)], await good())).userId, 'ada');
  await assert.rejects(ask([], await good()), accessRefused('auth-unavailable', /down/));
});

test('while keys cannot be fetched, a signature that fits no other key does not refuse a client for good', async () => {
  const down: KeySource = { find: () => Promise.reject(new AccessError('auth-unavailable', 'down')) };
  const { publicKey } = kinds.EdDSA();
  const sources = [new FixedKeys(publicKeys(pem(publicKey))), down];
  const authenticator = new JwtAuthenticator({ sources, issuer: null, audience: null, now: () => nowMs });
  const token = await tokenFor({ nowMs, algorithm: 'EdDSA', key: kinds.EdDSA().privateKey });
  const attempt = { docId: 'doc', token, origin: null, address: '127.0.0.1' };
  await assert.rejects(authenticator.authenticate(attempt), accessRefused('auth-unavailable', /down/));
});

test('a token without a key id is tried against 32 keys; with more keys the reason asks for a key id', async () => {
  const pairs = Array.from({ length: 33 }, () => kinds.EdDSA());
  const keys = publicKeys(pairs.map(({ publicKey }) => pem(publicKey)).join(''));
  const signed = (index: number): Promise<string> =>
    tokenFor({ nowMs, algorithm: 'EdDSA', key: pairs[index]!.privateKey });
  assert.equal((await ask(await signed(8), { keys })).userId, 'ada');
  assert.equal((await ask(await signed(31), { keys })).userId, 'ada');
  await assert.rejects(ask(await signed(32), { keys }), accessRefused('unauthorized', /name its key.*kid/));
  const foreign = await tokenFor({ nowMs, algorithm: 'EdDSA', key: kinds.EdDSA().privateKey });
  await assert.rejects(ask(foreign, { keys: keys.slice(0, 32) }), accessRefused('unauthorized', /signature is wrong/));
});

test('among keys without ids, a key published after the last fetch is found by the signature', async () => {
  const [old, next] = [kinds.EdDSA(), kinds.EdDSA()];
  const [before, after] = [publicKeys(pem(old.publicKey)), publicKeys(pem(old.publicKey) + pem(next.publicKey))];
  const source: KeySource = { find: () => Promise.resolve(before), findNewer: () => Promise.resolve(after) };
  const authenticator = new JwtAuthenticator({ sources: [source], issuer: null, audience: null, now: () => nowMs });
  const token = await tokenFor({ nowMs, algorithm: 'EdDSA', key: next.privateKey });
  const attempt = { docId: 'doc', token, origin: null, address: '127.0.0.1' };
  assert.equal((await authenticator.authenticate(attempt)).userId, 'ada');
});

const kinds = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

for (const [algorithm, make] of Object.entries(kinds)) {
  test(`${algorithm}: the right key is found among several, and a wrong key is refused`, async () => {
    const [right, wrong] = [make(), make()];
    const keys = publicKeys(pem(wrong.publicKey) + pem(right.publicKey));
    const token = await tokenFor({ nowMs, algorithm, key: right.privateKey });
    assert.equal((await ask(token, { keys })).userId, 'ada');
    await assert.rejects(ask(token, { keys: keys.slice(0, 1) }), accessRefused('unauthorized', /signature/));
  });
}

test('a public key is never used as a secret: a token signed with its text by HS256 is refused', async () => {
  const { publicKey } = kinds.RS256();
  const text = pem(publicKey);
  const keys = [...publicKeys(text), secretKey(secret)];
  const [, payload] = (await good()).split('.');
  for (const key of [text, text.trim(), publicKey.export({ type: 'spki', format: 'der' })]) {
    const head = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${payload}`;
    const token = `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`;
    await assert.rejects(ask(token, { keys }), accessRefused('unauthorized', /signature/));
    await assert.rejects(ask(token, { keys: publicKeys(text) }), accessRefused('unauthorized', /no key/));
  }
});
