import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { after, before, describe, test } from 'node:test';
import { examine } from '../../server/doctor/doctor.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import type { Finding } from '../../server/doctor/finding.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import type { Planted } from './fault.ts';
import { reachFaults } from './reach-faults.ts';
import { syncFaults } from './sync-faults.ts';
import { syncPeer } from './sync-peer.ts';
import { tlsFaults } from './tls-faults.ts';
import { upgradeFaults } from './upgrade-faults.ts';

/** It names the cause in 5 s; this much a machine may be slow on which everything else is tested at the same time. */
const limitMs = 20_000;
const faults = [...reachFaults, ...tlsFaults, ...upgradeFaults, ...syncFaults];
const owner = new Disposer();
const said = new Map<string, string>();
let quire: Quire;

before(async () => {
  quire = await Quire.start(owner);
});
after(() => owner.dispose());

async function diagnose({ url, deps = {}, ...options }: Planted): Promise<readonly Finding[]> {
  const real: DoctorDeps = {
    lookup: async (host) =>
      (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })),
    now: Date.now,
    monotonicMs: () => performance.now(),
    stepTimeoutMs: 3_000,
    idleMs: null,
    proxyIdleMs: 60_000,
  };
  return (await examine(parseTarget(url, options), { ...real, ...deps })).findings;
}

/** On a busy machine round trips to itself do take long: only who is held up on purpose is to be called slow. */
function isPlanted({ stage }: Finding, expected: string | null): boolean {
  return stage !== 'latency' || expected?.startsWith('latency') === true;
}

async function healthy(planted: Planted): Promise<void> {
  const findings = await diagnose(planted);
  assert.deepEqual(
    findings.filter((finding) => isPlanted(finding, null)),
    [],
  );
}

// Most of their time is waiting for what does not come.
describe('the doctor names exactly the cause, within seconds', { concurrency: 12 }, () => {
  for (const { name, expected, plant } of faults) {
    test(`${name}: ${expected}`, async (t) => {
      const planted = await plant(t, quire);
      const startMs = performance.now();
      const findings = (await diagnose(planted)).filter((finding) => isPlanted(finding, expected));
      const tookMs = performance.now() - startMs;
      assert.deepEqual(
        findings.map(({ code }) => code),
        [expected],
        JSON.stringify(findings),
      );
      const [{ sentence, advice }] = findings as [Finding];
      assert.doesNotMatch(`${sentence} ${advice}`, /\{\w+\}|undefined/);
      said.set(name, sentence);
      if (planted.deps?.idleMs === undefined) assert.ok(tookMs < limitMs, `${Math.round(tookMs)} ms`);
    });
  }
});

describe('and otherwise', () => {
  test('no two faults give the same answer', () => {
    assert.equal(said.size, faults.length);
    assert.equal(new Set(said.values()).size, faults.length);
    assert.ok(faults.length >= 30);
  });

  test('a healthy server gives none: over ws, over wss, in silence, and another that speaks y-websocket', async () => {
    await healthy({ url: `${quire.url}/doc` });
    await healthy({ url: `${quire.wssUrl}/doc`, ca: quire.ca });
    await healthy({ url: quire.wssUrl, ca: quire.ca, deps: { idleMs: 300 } });
    await healthy({ url: `ws://127.0.0.1:${await syncPeer(owner)}/doc` });
  });
});
