/** Faults of an authority and how they are reported. Uses Pebble behind a gateway that injects the faults. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Authority } from '../../support/authority.ts';
import type { Fault, GatewayRequest } from '../../support/faulty-gateway.ts';
import { Disposer } from '../../support/owner.ts';
import { needs } from '../../support/programs.ts';
import { name, problem, setUp, startAuthority } from './behind-gateway.ts';
import type { SharedAuthority } from './behind-gateway.ts';

const minuteMs = 60_000;
const options = needs('pebble');
const owner = new Disposer();
let authority: SharedAuthority;

before(async () => {
  if (options.skip === false) authority = await startAuthority(owner);
});
after(() => owner.dispose());

const foreign = Authority.root().leaf({ names: [name] }).cert;

const harms: readonly [string, (request: GatewayRequest) => Fault, string, RegExp][] = [
  ['is down at the start', () => 'cut', 'no-answer', /cannot be reached/],
  [
    'goes down in the middle',
    ({ path }) => (path.startsWith('/finalize-order/') ? 'cut' : null),
    'no-answer',
    /cannot be reached/,
  ],
  [
    'has an internal error',
    ({ path }) => (path === '/sign-me-up' ? problem(500, 'serverInternal', 'try later') : null),
    'serverInternal',
    /try later/,
  ],
  ['is a web site', () => ({ status: 200, body: '<html>' }), 'bad-answer', /./],
  ['is behind a proxy that is broken', () => ({ status: 502, body: '<html>' }), 'bad-answer', /502/],
  [
    'answers endlessly',
    () => ({ status: 200, body: ' '.repeat(2 * 1024 * 1024) }),
    'bad-answer',
    /larger than 1048576 bytes/,
  ],
  ['forgets its nonces', ({ path }) => (path === '/nonce-plz' ? { status: 200 } : null), 'bad-answer', /nonce/],
  [
    'does not offer the challenge',
    ({ path }) =>
      path.startsWith('/authZ/') ? { rewrite: (body) => body.replaceAll('tls-alpn-01', 'other-01') } : null,
    'no-challenge',
    /not tls-alpn-01/,
  ],
  [
    'refuses the name',
    ({ path }) => (path === '/order-plz' ? problem(400, 'rejectedIdentifier', 'policy forbids') : null),
    'rejectedIdentifier',
    /policy forbids/,
  ],
  [
    'sends half a certificate',
    ({ path }) => (path.startsWith('/certZ/') ? { rewrite: (body) => body.slice(0, 300) } : null),
    'unusable',
    /half written/,
  ],
  [
    'gives a certificate for another key',
    ({ path }) => (path.startsWith('/certZ/') ? { rewrite: () => foreign } : null),
    'unusable',
    /does not belong/,
  ],
];

for (const [what, fault, code, reason] of harms) {
  test(
    `an authority that ${what} is reported as ${code}, and the order succeeds once it has recovered`,
    options,
    async (t) => {
      const { harness, gateway } = await setUp(t, authority, fault);
      const placeholder = await harness.shown(name);
      harness.begin();
      const line = await harness.line('certificate not obtained');
      assert.equal(line['error'], code, JSON.stringify(line));
      assert.match(String(line['reason']), reason);
      assert.equal(await harness.shown(name), placeholder);
      gateway.fault = () => null;
      harness.clock.advance(2 * minuteMs);
      await harness.line('certificate reloaded');
    },
  );
}
