/** When certificates are ordered, stored and served. Uses a fake authority and a manual clock. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rmSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { AcmeCertificate } from '../../../server/acme/acme-certificate.ts';
import { AcmeError } from '../../../server/acme/acme-error.ts';
import { AcmeRenewal, AcmeStats } from '../../../server/acme/acme-renewal.ts';
import { AcmeStore } from '../../../server/acme/acme-store.ts';
import type { CertificateAuthority, CertificateOrder } from '../../../server/acme/certificate-authority.ts';
import type { RenewalInfo } from '../../../server/acme/renewal-info.ts';
import { generalName, extension, generateKey, issue } from '../../../server/tls/issue-certificate.ts';
import { sequence } from '../../../server/tls/der.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Signal } from '../../support/signal.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const directoryUrl = new URL('https://ca.test/directory');
const subject = { commonName: 'fake authority', unit: 'test' };
const authorityKey = generateKey();

/** Issues the certificates that a test sets up. */
class FakeAuthority implements CertificateAuthority {
  readonly orders: CertificateOrder[] = [];
  readonly asked: string[] = [];
  lifetimeMs = 90 * dayMs;
  failure: Error | null = null;
  info: RenewalInfo | null = null;
  isClosed = false;
  names: readonly string[] | null = null;
  readonly #now: () => number;
  readonly #changed: Signal;

  constructor(now: () => number, changed: Signal) {
    this.#now = now;
    this.#changed = changed;
  }

  async obtain(order: CertificateOrder): Promise<string> {
    this.orders.push(order);
    this.#changed.notify();
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    const key = createPrivateKey(order.key);
    const validity = { fromMs: this.#now(), toMs: this.#now() + this.lifetimeMs };
    const names = extension('2.5.29.17', false, sequence(...(this.names ?? order.names).map(generalName)));
    return issue({ commonName: 'leaf', unit: 'test' }, key, subject, authorityKey, validity, [names]).cert;
  }

  renewalInfo(certificateId: string): Promise<RenewalInfo | null> {
    this.asked.push(certificateId);
    return Promise.resolve(this.orders.length < 2 ? this.info : null);
  }

  stop(): void {
    this.isClosed = true;
  }
}

interface SetUp {
  readonly folder?: string;
  readonly names?: readonly string[];
  readonly clock?: ManualClock;
  /** How far the clock of this machine is ahead of the authority's. Timers do not depend on it. */
  readonly skew?: { ms: number };
}

function setUp(
  t: TestContext,
  { folder = tempFolder(t), names = ['a.test'], clock = new ManualClock(), skew = { ms: 0 } }: SetUp = {},
) {
  const lines: { msg: string; level: number; [field: string]: unknown }[] = [];
  const changed = new Signal();
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) });
  const now = (): number => clock.wallMs() + skew.ms;
  const authority = new FakeAuthority(() => clock.wallMs(), changed);
  const store = new AcmeStore(folder, directoryUrl);
  const source = new AcmeCertificate(store, names, logger);
  const stats = new AcmeStats();
  let obtained = 0;
  const renewal = new AcmeRenewal({
    names,
    authority,
    store,
    source,
    stats,
    logger,
    now,
    random: () => 0.5,
    after(delayMs, callback) {
      const timer = clock.after(delayMs, callback);
      changed.notify();
      return () => timer.cancel();
    },
    obtained: () => obtained++,
  });
  t.after(() => renewal.stop());
  const idle = (): Promise<void> => changed.until(() => clock.pending.length > 0);
  /** Advances the timers' time by this much, in steps of at most hours. */
  const pass = async (byMs: number): Promise<void> => {
    const endMs = clock.wallMs() + byMs;
    while (clock.wallMs() < endMs) {
      clock.advance(Math.min(endMs - clock.wallMs(), ...clock.pending));
      await idle();
    }
  };
  return {
    folder,
    clock,
    now,
    authority,
    store,
    source,
    stats,
    renewal,
    lines,
    idle,
    pass,
    obtained: () => obtained,
  };
}

for (const [days, what] of [
  [90, 'of today'],
  [47, 'of 2029'],
  [6, 'that lives short'],
] as const) {
  test(`a certificate ${what} (${days} days) is renewed slightly before a third of its lifetime is left, and not earlier`, async (t) => {
    const { authority, renewal, idle, pass, stats, clock, obtained } = setUp(t);
    authority.lifetimeMs = days * dayMs;
    const startMs = clock.wallMs();
    renewal.start();
    await idle();
    assert.equal(authority.orders.length, 1);
    // The random number is 0.5: half of a thirtieth early.
    const dueMs = days * dayMs * (2 / 3 - 1 / 60);
    assert.ok(Math.abs(stats.nextAttemptMs - startMs - dueMs) < 1_000);
    await pass(dueMs - hourMs);
    assert.equal(authority.orders.length, 1);
    await pass(hourMs + 1_000);
    assert.equal(authority.orders.length, 2);
    assert.notEqual(authority.orders[0]?.key, authority.orders[1]?.key);
    assert.equal(obtained(), 2);
  });
}

test('the authority may ask for an earlier renewal, never a later one, and learns which certificate is replaced', async (t) => {
  const { authority, renewal, idle, pass, clock, source, lines } = setUp(t);
  renewal.start();
  await idle();
  const first = new X509Certificate(source.stored(clock.wallMs())!.cert);
  const late = clock.wallMs() + 80 * dayMs;
  authority.info = { startMs: late, endMs: late + dayMs, explanation: null };
  await pass(7 * hourMs);
  assert.equal(authority.orders.length, 1);
  const soon = clock.wallMs() + dayMs;
  authority.info = { startMs: soon, endMs: soon + 2 * hourMs, explanation: 'https://ca.test/why' };
  await pass(dayMs);
  assert.equal(authority.orders.length, 1);
  await pass(dayMs);
  assert.equal(authority.orders.length, 2);
  const [keyId, serial] = authority.orders[1]!.replaces!.split('.') as [string, string];
  assert.equal(BigInt(`0x${Buffer.from(serial, 'base64url').toString('hex')}`), BigInt(`0x${first.serialNumber}`));
  assert.ok(first.raw.includes(Buffer.from(keyId, 'base64url')));
  assert.equal(authority.orders[0]?.replaces, null);
  assert.ok(lines.some(({ explanation }) => explanation === 'https://ca.test/why'));
});

test('retries are spaced out to 6 h, at most 5 in the first hour, and each failure is logged with advice', async (t) => {
  const { authority, renewal, idle, pass, clock, stats, lines, source } = setUp(t);
  authority.failure = new AcmeError('caa', 'CAA record for a.test prevents issuance');
  const startMs = clock.wallMs();
  renewal.start();
  await idle();
  const times: number[] = [];
  for (let tries = 0; tries < 9; tries++) {
    times.push((stats.nextAttemptMs - clock.wallMs()) / minuteMs / 1.1);
    await pass(stats.nextAttemptMs - clock.wallMs());
  }
  assert.deepEqual(times.map(Math.round), [1, 3, 9, 27, 81, 243, 360, 360, 360]);
  const within = lines.filter(({ msg, time }) => msg === 'certificate not obtained' && Number(time) > 0).length;
  assert.equal(within, authority.orders.length);
  const failed = lines.find(({ msg }) => msg === 'certificate not obtained')!;
  assert.equal(failed['reason'], 'CAA record for a.test prevents issuance');
  assert.match(String(failed['advice']), /CAA record/);
  assert.equal(source.stored(startMs), null);

  authority.failure = null;
  await pass(7 * hourMs);
  assert.ok(source.stored(clock.wallMs()));
  assert.equal(stats.failuresInARow, 0);
});

test('the authority is not asked before the time that it states, not even after a restart', async (t) => {
  const first = setUp(t);
  first.authority.failure = new AcmeError('rateLimited', 'too many certificates', 30 * hourMs);
  first.renewal.start();
  await first.idle();
  await first.pass(29 * hourMs);
  assert.equal(first.authority.orders.length, 1);
  first.renewal.stop();

  const again = setUp(t, { folder: first.folder, clock: first.clock });
  again.renewal.start();
  await again.idle();
  assert.equal(again.authority.orders.length, 0);
  await again.pass(hourMs + minuteMs);
  assert.equal(again.authority.orders.length, 1);
  assert.ok(again.source.stored(again.clock.wallMs()));
});

test('a server that restarts constantly asks once a minute, and with a certificate not at all', async (t) => {
  const first = setUp(t);
  first.authority.failure = new AcmeError('dns', 'no such name');
  first.renewal.start();
  await first.idle();
  first.renewal.stop();
  const again = setUp(t, { folder: first.folder, clock: first.clock });
  again.renewal.start();
  await again.idle();
  assert.equal(again.authority.orders.length, 0);
  await again.pass(minuteMs);
  assert.equal(again.authority.orders.length, 1);
  again.renewal.stop();
  const third = setUp(t, { folder: first.folder, clock: first.clock });
  third.clock.advance(hourMs);
  third.renewal.start();
  await third.idle();
  assert.equal(third.authority.orders.length, 0);
  assert.equal(third.authority.asked.length, 1);
});

test('a certificate for changed names is ordered at once; the old one is served meanwhile if it covers some of them', async (t) => {
  const first = setUp(t);
  first.renewal.start();
  await first.idle();
  first.renewal.stop();
  const stored = first.source.stored(first.clock.wallMs())!;
  const { authority, renewal, source, idle, clock } = setUp(t, { ...first, names: ['a.test', 'b.test'] });
  clock.advance(hourMs);
  assert.equal(source.read(clock.wallMs(), null).fingerprint, stored.fingerprint);
  renewal.start();
  await idle();
  assert.deepEqual(authority.orders[0]?.names, ['a.test', 'b.test']);
  assert.deepEqual(source.read(clock.wallMs(), stored).names, ['a.test', 'b.test']);
});

test('a certificate that could not be served is not stored', async (t) => {
  const { authority, renewal, idle, source, clock, stats, lines } = setUp(t);
  authority.names = ['other.test'];
  renewal.start();
  await idle();
  assert.deepEqual([stats.issued, stats.failed], [0, 1]);
  assert.equal(source.stored(clock.wallMs()), null);
  assert.equal(lines.find(({ msg }) => msg === 'certificate not obtained')?.['error'], 'unusable');
});

test('an unusable or expired certificate is replaced by a placeholder only at the start', async (t) => {
  const { renewal, idle, source, clock, store } = setUp(t);
  const nothing = source.read(clock.wallMs(), null);
  assert.ok(nothing.isPlaceholder);
  assert.equal(source.read(clock.wallMs(), nothing), nothing);
  renewal.start();
  await idle();
  const real = source.read(clock.wallMs(), nothing);
  assert.equal(real.isPlaceholder, false);
  assert.ok(source.read(clock.wallMs() + 91 * dayMs, null).isPlaceholder);
  assert.equal(source.read(clock.wallMs() + 91 * dayMs, real), real);
  store.keep({ cert: 'half', key: 'half' });
  assert.throws(() => source.read(clock.wallMs(), real));
  assert.ok(source.read(clock.wallMs(), null).isPlaceholder);
});

test('after stop() no timer is left, and an aborted order is not reported', async (t) => {
  const { renewal, authority, clock, lines } = setUp(t);
  authority.failure = new AcmeError('no-answer', 'the server is stopping');
  renewal.start();
  renewal.stop();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(clock.pending, []);
  assert.ok(authority.isClosed);
  assert.ok(!lines.some(({ msg }) => msg === 'certificate not obtained'));
});

test('an unreadable folder is a failed attempt, and neither causes an order nor ends the process', async (t) => {
  const { folder, authority, renewal, idle, lines, stats, clock } = setUp(t);
  renewal.start();
  await idle();
  assert.equal(authority.orders.length, 1);
  rmSync(folder, { recursive: true });
  symlinkSync(folder, folder);
  clock.advance(hourMs);
  await idle();
  clock.advance(hourMs);
  await idle();
  assert.equal(authority.orders.length, 1);
  assert.ok(stats.failed >= 1);
  assert.match(String((lines.at(-1)?.['err'] as Error | undefined)?.message), /ELOOP/);
  assert.equal(lines.at(-1)?.msg, 'certificate not obtained');
});

const yearMs = 365 * dayMs;

for (const [what, aheadMs] of [
  ['a year', yearMs],
  ['a day', dayMs],
] as const) {
  test(`after a clock that was ahead by ${what}, a restart asks the authority at once`, async (t) => {
    const skew = { ms: aheadMs };
    const first = setUp(t, { skew });
    first.authority.failure = new AcmeError('rateLimited', 'too many certificates', 30 * hourMs);
    first.renewal.start();
    await first.idle();
    assert.equal(first.authority.orders.length, 1);
    first.renewal.stop();
    skew.ms = 0;
    const again = setUp(t, { folder: first.folder, clock: first.clock });
    again.renewal.start();
    await again.idle();
    assert.equal(again.authority.orders.length, 1);
    assert.ok(again.source.stored(again.now()));
    assert.ok(again.lines.some(({ msg }) => msg.includes('the last order lies in the future')));
  });

  test(`after a clock that was ahead by ${what} and is corrected, the authority is asked within the hour`, async (t) => {
    const skew = { ms: aheadMs };
    const { authority, renewal, idle, pass, source, now, lines } = setUp(t, { skew });
    authority.failure = new AcmeError('rateLimited', 'too many certificates', 30 * hourMs);
    renewal.start();
    await idle();
    skew.ms = 0;
    authority.failure = null;
    await pass(hourMs);
    assert.equal(authority.orders.length, 2);
    assert.ok(source.stored(now()));
    await pass(30 * hourMs);
    assert.equal(authority.orders.length, 2, lines.map(({ msg }) => msg).join());
  });
}

test('a certificate that expired only because the clock is ahead is ordered again once the clock is right', async (t) => {
  const skew = { ms: yearMs };
  const { authority, renewal, idle, pass, source, now, lines } = setUp(t, { skew });
  renewal.start();
  await idle();
  const failed = lines.find(({ msg }) => msg === 'certificate not obtained');
  assert.equal(failed?.['error'], 'unusable');
  assert.match(String(failed?.['advice']), /clock of this machine/);
  skew.ms = 0;
  await pass(hourMs);
  assert.equal(authority.orders.length, 2);
  assert.ok(source.stored(now()));
});

for (const [what, behindMs] of [
  ['an hour', hourMs],
  ['a year', yearMs],
] as const) {
  test(`with a clock that is behind by ${what}, one certificate is ordered, served and kept until the clock is right`, async (t) => {
    const skew = { ms: -behindMs };
    const { authority, renewal, idle, pass, source, now, lines, stats } = setUp(t, { skew });
    const nothing = source.read(now(), null);
    renewal.start();
    await idle();
    assert.deepEqual([stats.issued, stats.failed], [1, 0]);
    assert.ok(lines.some(({ msg }) => msg === "the clock of this machine is behind the authority's"));
    const served = source.read(now(), nothing);
    assert.equal(served.isPlaceholder, false);
    await pass(5 * hourMs);
    assert.equal(authority.orders.length, 1);
    skew.ms = 0;
    await pass(5 * hourMs);
    assert.equal(authority.orders.length, 1);
    assert.equal(source.stored(now())?.fingerprint, served.fingerprint);
  });
}

test('the time of the last order never delays the next one for longer than a rate limit may last', async (t) => {
  const { folder, clock, store, now } = setUp(t);
  store.keepAttempt({ atMs: now(), notBeforeMs: now() + 10 * yearMs });
  const { renewal, idle, pass, authority } = setUp(t, { folder, clock });
  renewal.start();
  await idle();
  assert.equal(authority.orders.length, 0);
  await pass(8 * dayMs + hourMs);
  assert.equal(authority.orders.length, 1);
});
