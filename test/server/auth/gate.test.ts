/** Which clients are admitted, and when their sessions end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { AccessError, UnknownKeyError } from '../../../server/auth/access-error.ts';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { openToAll } from '../../../server/auth/authenticator.ts';
import type { Attempt, Authenticator } from '../../../server/auth/authenticator.ts';
import { Gate } from '../../../server/auth/gate.ts';
import type { Grantee } from '../../../server/auth/live-grants.ts';
import { RefusalDelay } from '../../../server/auth/refusal-delay.ts';
import type { RevocationList } from '../../../server/auth/revocation-list.ts';
import type { RefusalCode, RefusedError } from '../../../server/errors.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import { refused } from '../../support/refused.ts';

const attempt: Attempt = { docId: 'doc', token: 'secret-token', origin: null, address: '192.0.2.1' };

class FakeSession implements Grantee {
  grant: Grant | null;
  endedBy: RefusalCode | null = null;

  constructor(grant: Grant) {
    this.grant = grant;
  }

  renew(grant: Grant): void {
    this.grant = grant;
  }

  end(refusal: RefusedError): void {
    this.endedBy = refusal.code;
    this.grant = null;
  }
}

class Bench {
  nowMs = 1_700_000_000_000;
  readonly stats = new AuthStats();
  readonly waits: number[] = [];
  readonly lines: string[] = [];
  readonly sessions: FakeSession[] = [];
  readonly revoked = new Set<string>();
  checks = 0;
  /** What the authenticator decides. */
  decide: () => Grant = () => this.grant();
  readonly gate: Gate;

  constructor(options: { readonly rechecks?: boolean; readonly authenticator?: Authenticator } = {}) {
    const decide = async (): Promise<Grant> => {
      this.checks++;
      await Promise.resolve();
      return this.decide();
    };
    const revoked = this.revoked;
    const revocations: Pick<RevocationList, 'isEmpty' | 'has' | 'reload'> = {
      get isEmpty() {
        return revoked.size === 0;
      },
      has: ({ userId }) => revoked.has(userId),
      reload: () => {},
    };
    this.gate = new Gate({
      authenticator: options.authenticator ?? {
        authenticate: decide,
        authenticateAdmin: decide,
        recheck: options.rechecks ? decide : null,
        waitingChecks: 0,
      },
      revocations: revocations as RevocationList,
      delay: new RefusalDelay(),
      logger: pino({ level: 'trace' }, { write: (line) => this.lines.push(line) }),
      stats: this.stats,
      now: () => this.nowMs,
      wait: (delayMs) => {
        this.waits.push(delayMs);
        return Promise.resolve();
      },
      grantees: () => this.sessions,
    });
  }

  grant(changes: Partial<Grant> = {}): Grant {
    const untilMs = this.nowMs + 60_000;
    return { userId: 'u1', person: null, docId: 'doc', access: 'write', untilMs, tokenId: null, ...changes };
  }

  refuse(code: 'unauthorized' | 'forbidden' | 'auth-unavailable'): void {
    this.decide = () => {
      throw new AccessError(code, 'exact reason');
    };
  }

  /** Admits a client, whose session is then live. */
  async enter(): Promise<FakeSession> {
    const session = new FakeSession(await this.gate.admit(attempt));
    this.sessions.push(session);
    return session;
  }

  async sweepAfter(ms: number): Promise<void> {
    this.nowMs += ms;
    this.gate.sweep();
    await new Promise(setImmediate);
  }
}

test('a refusal tells the client only its kind and the log the reason; neither contains the token (I8)', async () => {
  const bench = new Bench();
  bench.refuse('unauthorized');
  await assert.rejects(bench.gate.admit(attempt), { code: 'unauthorized', message: 'unauthorized' });
  assert.match(bench.lines.join(''), /"why":"exact reason"/);
  assert.doesNotMatch(bench.lines.join(''), /secret-token/);
  assert.equal(bench.stats.refused, 1);
});

test('a client with a token of an unknown key may reconnect, is delayed if it repeats, and logs no server error', async () => {
  const bench = new Bench();
  bench.decide = () => {
    throw new UnknownKeyError('no key fits');
  };
  for (let i = 0; i < 3; i++) await assert.rejects(bench.gate.admit(attempt), refused('auth-unavailable'));
  assert.deepEqual(bench.waits, [250, 500]);
  assert.ok(bench.lines.every((line) => line.includes('"level":30')));
  assert.match(bench.lines.join(''), /"why":"no key fits"/);
});

test('text from a client or another server cannot make a log line long (I7)', async () => {
  const bench = new Bench();
  const cause = Object.assign(new Error('Parse Error'), { rawPacket: Buffer.alloc(100_000) });
  bench.decide = () => {
    throw new AccessError('auth-unavailable', 'no answer', { cause });
  };
  const origin = `https://\u009b${'x'.repeat(15_000)}.test`;
  await assert.rejects(bench.gate.admit({ ...attempt, origin }), refused('auth-unavailable'));
  bench.refuse('forbidden');
  await assert.rejects(bench.gate.admit({ ...attempt, origin }), refused('forbidden'));
  assert.equal(bench.lines.length, 2);
  for (const line of bench.lines) {
    assert.ok(line.length < 1_000, `${line.length} characters`);
    assert.doesNotMatch(line, /\u009b/);
  }
});

test('a failed renewal is logged with a reason and without the answer of the other server', async () => {
  const bench = new Bench({ rechecks: true });
  const session = await bench.enter();
  const cause = Object.assign(new Error('Parse Error'), { rawPacket: Buffer.alloc(100_000) });
  bench.decide = () => {
    throw new AccessError('auth-unavailable', 'no answer', { cause });
  };
  await bench.sweepAfter(51_000);
  assert.equal(session.endedBy, null);
  assert.match(bench.lines.at(-1)!, /grant was not renewed/);
  assert.ok(bench.lines.at(-1)!.length < 1_000);
});

test('repeated refusals are delayed; an admitted client never waits', async () => {
  const bench = new Bench();
  bench.refuse('forbidden');
  for (let i = 0; i < 4; i++) await assert.rejects(bench.gate.admit(attempt), refused('forbidden'));
  assert.deepEqual(bench.waits, [250, 500, 1_000]);
  bench.decide = () => bench.grant();
  await bench.gate.admit(attempt);
  assert.equal(bench.waits.length, 3);
});

test('an attempt after a refusal of its address or token waits before the application is asked, and not again afterwards', async () => {
  const asked: number[] = [];
  const bench: Bench = new Bench({
    authenticator: {
      async authenticate(_attempt, beforeAsking) {
        await beforeAsking?.();
        asked.push(bench.waits.length);
        return bench.decide();
      },
      authenticateAdmin: () => Promise.reject(new Error('not asked here')),
      recheck: null,
      waitingChecks: 0,
    },
  });
  bench.refuse('unauthorized');
  const refusals = [
    { waits: [] },
    { waits: [250] },
    { waits: [250, 500] },
    { waits: [250, 500, 1_000] },
    { waits: [250, 500, 1_000, 2_000] },
    // No more than two seconds before it, so that a client behind the same address becomes live in time; the rest after
    // it.
    { waits: [250, 500, 1_000, 2_000, 2_000, 2_000] },
  ];
  for (const { waits } of refusals) {
    await assert.rejects(bench.gate.admit(attempt), refused('unauthorized'));
    assert.deepEqual(bench.waits, waits);
  }
  assert.deepEqual(asked, [0, 1, 2, 3, 4, 5]);
  bench.decide = () => bench.grant();
  await bench.gate.admit({ ...attempt, token: 'good' });
  await bench.gate.admit({ ...attempt, token: 'good' });
  assert.deepEqual(bench.waits.slice(6), [2_000, 1_000], 'each that is let in halves what its address was refused');
  await assert.rejects(bench.gate.admit({ ...attempt, isGone: () => true }), refused('not-live'));
  assert.equal(asked.length, 8, 'a client that has left is not asked for');
});

test('a client is refused at once, and may reconnect, if the application cannot be asked', async () => {
  const bench = new Bench();
  bench.refuse('auth-unavailable');
  for (let i = 0; i < 4; i++) await assert.rejects(bench.gate.admit(attempt), refused('auth-unavailable'));
  assert.deepEqual(bench.waits, []);
  assert.match(bench.lines[0] ?? '', /"level":50/);
});

test('an internal error admits no client, and reveals nothing about itself', async () => {
  const bench = new Bench();
  bench.decide = () => {
    throw new Error('secret');
  };
  await assert.rejects(bench.gate.admit(attempt), { code: 'internal', message: 'internal error' });
});

test('a grant ends with the first sweep after its end, and not before', async () => {
  const bench = new Bench();
  const session = await bench.enter();
  await bench.sweepAfter(59_999);
  assert.equal(session.endedBy, null);
  await bench.sweepAfter(1);
  assert.equal(session.endedBy, 'grant-ended');
});

test('the sessions of a revoked user end with the next sweep, and new ones are refused', async () => {
  const bench = new Bench();
  const session = await bench.enter();
  bench.revoked.add('u1');
  await bench.sweepAfter(1_000);
  assert.equal(session.endedBy, 'forbidden');
  assert.equal(bench.stats.revoked, 1);
  await assert.rejects(bench.gate.admit(attempt), refused('forbidden'));
});

test('the application is asked again once, shortly before a grant ends, and the session continues', async () => {
  const bench = new Bench({ rechecks: true });
  const session = await bench.enter();
  await bench.sweepAfter(49_999);
  assert.equal(bench.checks, 1);
  await bench.sweepAfter(1);
  assert.equal(bench.checks, 2);
  assert.equal(session.grant?.untilMs, bench.nowMs + 60_000);
  await bench.sweepAfter(49_999);
  assert.equal(bench.checks, 2);
  await bench.sweepAfter(1);
  assert.equal(bench.checks, 3);
  assert.equal(bench.stats.renewed, 2);
  assert.equal(session.endedBy, null);
});

test('a grant of two seconds is renewed every second, not in every sweep', async () => {
  const bench = new Bench({ rechecks: true });
  bench.decide = () => bench.grant({ untilMs: bench.nowMs + 2_000 });
  const session = await bench.enter();
  for (let i = 0; i < 10; i++) await bench.sweepAfter(1_000);
  assert.equal(bench.checks, 11);
  assert.equal(session.endedBy, null);
});

test('at a renewal 403 ends the session for good; after 401 or with less access the client may reconnect', async () => {
  const answers: [(bench: Bench) => void, RefusalCode][] = [
    [(bench) => bench.refuse('forbidden'), 'forbidden'],
    [(bench) => bench.refuse('unauthorized'), 'grant-ended'],
    [(bench) => (bench.decide = () => bench.grant({ access: 'read' })), 'grant-ended'],
    [(bench) => (bench.decide = () => bench.grant({ userId: 'u2' })), 'grant-ended'],
  ];
  for (const [change, endedBy] of answers) {
    const bench = new Bench({ rechecks: true });
    const session = await bench.enter();
    change(bench);
    await bench.sweepAfter(50_000);
    assert.equal(session.endedBy, endedBy);
  }
});

test('without an answer the session lives until its grant ends, and no longer', async () => {
  const bench = new Bench({ rechecks: true });
  const session = await bench.enter();
  bench.refuse('auth-unavailable');
  await bench.sweepAfter(59_000);
  assert.equal(session.endedBy, null);
  await bench.sweepAfter(1_000);
  assert.equal(session.endedBy, 'grant-ended');
});

test('an answer for a session that has already ended changes nothing', async () => {
  const bench = new Bench({ rechecks: true });
  const session = await bench.enter();
  bench.nowMs += 50_000;
  bench.gate.sweep();
  session.grant = null;
  await new Promise(setImmediate);
  assert.equal(session.grant, null);
  assert.equal(bench.stats.renewed, 0);
});

test('without authentication a sweep looks at no session', async () => {
  const bench = new Bench({ authenticator: openToAll });
  bench.sessions.push({
    get grant(): never {
      throw new Error('looked at');
    },
  } as unknown as FakeSession);
  await bench.sweepAfter(1_000);
  assert.equal((await bench.gate.admit(attempt)).access, 'write');
});

test('an error while one grant is checked does not keep the others from being checked (I6)', async (t) => {
  const bench = new Bench();
  const [broken, other] = [await bench.enter(), await bench.enter()];
  t.mock.method(broken, 'end', () => {
    throw new Error('broken');
  });
  await bench.sweepAfter(60_000);
  assert.equal(other.endedBy, 'grant-ended');
  assert.match(bench.lines.join(''), /grant could not be checked/);
});
