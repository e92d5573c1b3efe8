import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { AccessError } from '../../../server/auth/access-error.ts';
import { JwtAuthenticator } from '../../../server/auth/jwt-authenticator.ts';
import { FixedKeys } from '../../../server/auth/key-source.ts';
import { tokenOf } from '../../../server/net/token-source.ts';
import { secretKey } from '../../../server/auth/verify-key.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import { otherSecret, secret, sign, tokenFor } from '../../support/tokens.ts';
import type { Random } from '../../support/random.ts';
import type { FuzzTarget } from '../target.ts';
import { checkGrant } from './grant.ts';

/** The first byte says what follows: a header and a payload that the target signs, or a complete token. */
const signed = 0x73;
const raw = 0x72;
const docId = 'doc';
const nowMs = Date.UTC(2026, 0, 1);

const authenticator = new JwtAuthenticator({
  sources: [new FixedKeys([secretKey(secret)])],
  issuer: null,
  audience: null,
  now: () => nowMs,
});

/** Tokens with a valid signature and any content, and tokens with a bad signature. Only valid ones grant access. */
export const tokenTarget: FuzzTarget<Grant> = {
  async seeds() {
    const tokens = await Promise.all([
      tokenFor({ nowMs }),
      tokenFor({ nowMs, document: 'd*', access: 'read', claims: { jti: 'j', color: '#fff', nbf: 1, aud: ['a'] } }),
      tokenFor({ nowMs, lifetimeMs: -1 }),
      tokenFor({ nowMs, key: otherSecret }),
      tokenFor({ nowMs, keyId: 'k' }),
      sign({}),
    ]);
    const contents = tokens.map((token) => {
      const [header = '', payload = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
      return Buffer.concat([Uint8Array.of(signed), Buffer.from(`${header}.${payload}`)]);
    });
    return [...contents, ...tokens.map((token) => Buffer.concat([Uint8Array.of(raw), Buffer.from(token)]))];
  },
  generate: (random) =>
    contentOf({ alg: 'HS256', ...(random.below(4) === 0 ? { kid: 'k' } : {}) }, randomClaims(random)),
  decode: (input) => authenticator.authenticate({ docId, token: shown(input), origin: null, address: '' }),
  refusal: (error) => (error instanceof AccessError ? `${error.code} ${error.why}` : null),
  check(grant, input) {
    checkGrant(grant, docId, nowMs);
    const [header = '', payload = '', signature = ''] = shown(input)?.split('.') ?? [];
    const own = createHmac('sha256', secret).update(`${header}.${payload}`).digest();
    assert.deepEqual(Buffer.from(signature, 'base64url'), own, 'the signature is wrong');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Readonly<Record<string, unknown>>;
    assert.equal(grant.userId, claims['sub']);
    assert.equal(grant.untilMs, Number(claims['exp']) * 1_000);
    return `${grant.access} ${grant.tokenId === null} ${grant.person?.color === null}`;
  },
};

const times = [nowMs / 1_000 + 60, nowMs / 1_000, 1, 0, -1, 8_640_000_000_000, 8_640_000_000_001, 1e300, '1', null];
const texts = ['ada', 'x'.repeat(256), 'x'.repeat(257), '', 1, null, ['ada'], { a: 1 }, '\ud800'];
const lists = [
  [],
  null,
  {},
  [null],
  [{ name: 'doc', access: 'write' }],
  [{ name: '*', access: 'read' }],
  [{ name: 'd*' }],
];

/** Claims that are valid for the most part. Each of them may have an odd value. */
function randomClaims(random: Random): object {
  const odd = (usual: unknown, others: readonly unknown[]): unknown =>
    random.below(4) > 0 ? usual : random.pick(others);
  return {
    sub: odd('ada', texts),
    name: odd('Ada', texts),
    color: odd(undefined, texts),
    jti: odd(undefined, texts),
    exp: odd(times[0], times),
    nbf: odd(undefined, times),
    documents: odd([{ name: odd('doc', texts), access: odd('write', ['read', 'all', null]) }], lists),
  };
}

function contentOf(header: object, payload: object): Uint8Array {
  return Buffer.concat([Uint8Array.of(signed), Buffer.from(`${JSON.stringify(header)}.${JSON.stringify(payload)}`)]);
}

/** The token that the server finds in a request with this token, which may differ from it. */
function shown(input: Uint8Array): string | null {
  const rest = Buffer.from(input.subarray(1)).toString('latin1');
  if (input[0] !== signed) {
    return tokenOf({ 'sec-websocket-protocol': `quire, ${rest}` }, new URLSearchParams()) ?? rest;
  }
  // A header holds no dot.
  const dot = rest.indexOf('.');
  const parts = [rest.slice(0, Math.max(0, dot)), rest.slice(dot + 1)];
  const content = parts.map((part) => Buffer.from(part, 'latin1').toString('base64url')).join('.');
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}
