import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateHealth } from '../../../server/tls/certificate-health.ts';

const dayMs = 86_400_000;

test('a renewal is late below a third of the lifetime and urgent below a sixth, for any length of the lifetime', () => {
  for (const lifetimeMs of [200 * dayMs, 47 * dayMs, 6 * dayMs]) {
    const period = { notBeforeMs: 1_000, notAfterMs: 1_000 + lifetimeMs };
    const withLeft = (fraction: number) => certificateHealth(period, period.notAfterMs - lifetimeMs * fraction);
    assert.equal(withLeft(1), 'good');
    assert.equal(withLeft(0.34), 'good');
    assert.equal(withLeft(0.33), 'renew-soon');
    assert.equal(withLeft(0.17), 'renew-soon');
    assert.equal(withLeft(0.16), 'renew-now');
    assert.equal(certificateHealth(period, period.notAfterMs - 1), 'renew-now');
    assert.equal(certificateHealth(period, period.notAfterMs), 'expired');
  }
});
