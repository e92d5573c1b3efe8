import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RefusedError } from '../../../server/errors.ts';
import { Admission } from '../../../server/net/admission.ts';
import type { AdmissionLimits } from '../../../server/net/admission.ts';
import { NetStats } from '../../../server/net/stats.ts';

const many = { perSecond: 1_000, burst: 1_000 };

function setUp(limits: Partial<AdmissionLimits>) {
  const clock = { nowMs: 0 };
  const stats = new NetStats();
  const admission = new Admission({
    limits: {
      maxConnections: 100,
      maxConnectionsPerAddress: 100,
      connectRate: many,
      connectRatePerAddress: many,
      refusedWorkPerAddress: many,
      ...limits,
    },
    stats,
    now: () => clock.nowMs,
  });
  return { admission, clock, stats };
}

function refused(attempt: () => void): { limit: string | null; code: string; retryAfterSeconds: number | null } | null {
  try {
    attempt();
    return null;
  } catch (error) {
    const { limit, code, retryAfterSeconds } = error as RefusedError;
    return { limit, code, retryAfterSeconds };
  }
}

test('connections are limited per address, and closing one frees its place', () => {
  const { admission } = setUp({ maxConnectionsPerAddress: 2 });
  const places = ['a', 'a', 'b'].map((addressKey) => admission.enter(addressKey));
  assert.deepEqual(
    refused(() => admission.check('a')),
    {
      limit: 'connections-per-address',
      code: 'limit-reached',
      retryAfterSeconds: 5,
    },
  );
  assert.equal(
    refused(() => admission.check('b')),
    null,
  );
  assert.equal(
    refused(() => admission.check(null)),
    null,
  );
  admission.leave(places[0]!);
  assert.equal(
    refused(() => admission.check('a')),
    null,
  );
});

test('the total limit also counts connections without a limit per address', () => {
  const { admission } = setUp({ maxConnections: 2 });
  const places = [null, 'a'].map((addressKey) => admission.enter(addressKey));
  for (const addressKey of [null, 'a', 'b'])
    assert.equal(refused(() => admission.check(addressKey))?.limit, 'connections');
  assert.equal(refused(() => admission.check(null))?.code, 'overloaded');
  for (const place of places) admission.leave(place);
  assert.equal(
    refused(() => admission.check(null)),
    null,
  );
});

test('a client that connects too often is told when to retry, and does not use up the shared limit', () => {
  const { admission, clock } = setUp({
    connectRate: { perSecond: 1, burst: 4 },
    connectRatePerAddress: { perSecond: 0.1, burst: 2 },
  });
  for (let i = 0; i < 2; i++) admission.attempt('a');
  for (let i = 0; i < 50; i++) {
    const refusal = refused(() => admission.attempt('a'));
    assert.deepEqual(refusal, { limit: 'connect-rate-per-address', code: 'limit-reached', retryAfterSeconds: 10 });
  }
  for (const addressKey of ['b', null]) admission.attempt(addressKey);
  assert.deepEqual(
    refused(() => admission.attempt('c')),
    {
      limit: 'connect-rate',
      code: 'overloaded',
      retryAfterSeconds: 1,
    },
  );
  clock.nowMs = 10_000;
  admission.attempt('a');
});

test('TLS handshakes have separate buckets, and refused ones are counted', () => {
  const { admission, stats } = setUp({ connectRatePerAddress: { perSecond: 1, burst: 2 } });
  const allowed = Array.from({ length: 4 }, () => admission.allowsHandshake('a'));
  assert.deepEqual(allowed, [true, true, false, false]);
  assert.ok(admission.allowsHandshake('b'));
  assert.ok(admission.allowsHandshake(null));
  assert.equal(stats.limitsReached.get('connect-rate-per-address'), 2);
  admission.attempt('a');
});

test('I6: upgrades of an address with too much refused work are delayed one by one, then refused; others are not', () => {
  const { admission, clock, stats } = setUp({ refusedWorkPerAddress: { perSecond: 1, burst: 20 } });
  const place = admission.enter('a');
  admission.chargeRefusedWork(place, 20);
  assert.equal(admission.heldMs('a'), 0, 'what may be had at once');
  admission.chargeRefusedWork(place, 1);
  assert.deepEqual([admission.heldMs('a'), admission.heldMs('a'), admission.heldMs('a')], [2_000, 3_000, 4_000]);
  assert.deepEqual(
    refused(() => admission.heldMs('a')),
    { limit: 'refused-work-per-address', code: 'limit-reached', retryAfterSeconds: 5 },
  );
  assert.deepEqual([admission.heldMs('b'), admission.heldMs(null)], [0, 0]);
  assert.equal(stats.limitsReached.get('refused-work-per-address'), 3);
  clock.nowMs = 4_000;
  assert.equal(admission.heldMs('a'), 0);
});
