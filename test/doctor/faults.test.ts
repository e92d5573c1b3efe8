import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { after, before, describe, test } from 'node:test';
import { examine } from '../../server/doctor/doctor.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import type { Finding } from '../../server/doctor/finding.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { guardMs } from '../support/deadline.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { addressFaults } from './address-faults.ts';
import { adviceOf } from './advice.ts';
import type { Planted } from './fault.ts';
import { reachFaults } from './reach-faults.ts';
import { syncFaults } from './sync-faults.ts';
import { syncPeer } from './sync-peer.ts';
import { tlsFaults } from './tls-faults.ts';
import { upgradeFaults } from './upgrade-faults.ts';

/**
 * How long the doctor waits for an answer; 3 s in the command. If the machine is too slow for the first value, the test
 * repeats with the next. A wrong cause would be named with each of them.
 */
const patience = [500, 3_000, 15_000] as const;
/** The doctor may wait for two unanswered steps, in addition to the 1.5 s in which it measures round trips. */
const maxSilences = 2;
const latencyMs = 1_500;
const faults = [...reachFaults, ...tlsFaults, ...addressFaults, ...upgradeFaults, ...syncFaults];
const owner = new Disposer();
const said = new Map<string, string>();
/** Control characters, and overrides of the text direction. */
const hidden = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
let quire: Quire;

before(async () => {
  quire = await Quire.start(owner);
});
after(() => owner.dispose());

async function diagnose({ url, deps = {}, ...options }: Planted, stepTimeoutMs: number): Promise<readonly Finding[]> {
  const real: DoctorDeps = {
    lookup: async (host) =>
      (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })),
    now: Date.now,
    // Round trips take no time unless a fault delays them.
    monotonicMs: () => 0,
    stepTimeoutMs,
    idleMs: null,
    proxyIdleMs: 60_000,
  };
  return (await examine(parseTarget(url, options), { ...real, ...deps })).findings;
}

async function healthy(planted: Planted): Promise<void> {
  assert.deepEqual(await diagnose(planted, guardMs), []);
}

// Concurrent, because most of their time is spent waiting for answers that do not come.
describe('the doctor names exactly the cause, within seconds', { concurrency: 12 }, () => {
  for (const { name, expected, says, plant } of faults) {
    test(`${name}: ${expected}`, async (t) => {
      for (const stepTimeoutMs of patience) {
        const planted = await plant(t, quire, stepTimeoutMs);
        const startMs = performance.now();
        const findings = await diagnose(planted, stepTimeoutMs);
        const tookMs = performance.now() - startMs;
        const [only] = findings;
        const isExact =
          findings.length === 1 && only?.code === expected && (says === undefined || says.test(only.sentence));
        const isSwift = tookMs <= maxSilences * stepTimeoutMs + latencyMs + (planted.deps?.idleMs ?? 0);
        if ((!isExact || !isSwift) && stepTimeoutMs !== patience.at(-1)) continue;
        assert.deepEqual(
          findings.map(({ code }) => code),
          [expected],
          JSON.stringify(findings),
        );
        assert.ok(isSwift, `${Math.round(tookMs)} ms, with ${stepTimeoutMs} ms for a step`);
        const [{ sentence, advice }] = findings as [Finding];
        assert.doesNotMatch(`${sentence} ${advice}`, /\{\w+\}|undefined/);
        assert.doesNotMatch(`${sentence} ${advice}`, hidden);
        if (says !== undefined) assert.match(sentence, says);
        const named = adviceOf[expected];
        assert.ok(named !== undefined && advice.includes(named), `${expected} advises: ${advice}`);
        said.set(`${expected} ${name}`, sentence);
        return;
      }
    });
  }
});

describe('and otherwise', () => {
  test('no two causes give the same answer', () => {
    assert.equal(said.size, faults.length);
    const bySentence = new Map([...said].map(([name, sentence]) => [sentence, name.split(' ')[0]]));
    for (const [name, sentence] of said) assert.equal(bySentence.get(sentence), name.split(' ')[0]);
    assert.ok(faults.length >= 120);
  });

  test('a healthy server has no findings: over ws, over wss, idle, and with another y-websocket server', async () => {
    await healthy({ url: `${quire.url}/doc` });
    await healthy({ url: `${quire.wssUrl}/doc`, ca: quire.ca });
    await healthy({ url: quire.wssUrl, ca: quire.ca, deps: { idleMs: 300 } });
    await healthy({ url: `ws://127.0.0.1:${await syncPeer(owner)}/doc` });
  });
});
