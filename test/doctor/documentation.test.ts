import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { diagnoses, exitStatus } from '../../server/doctor/finding.ts';
import { doctorFindings } from '../../server/doctor/doctor-findings.ts';
import { localFindings } from '../../server/doctor/local-findings.ts';
import { reachFindings } from '../../server/doctor/reach-findings.ts';
import { syncFindings } from '../../server/doctor/sync-findings.ts';
import { tlsFindings } from '../../server/doctor/tls-findings.ts';
import { upgradeFindings } from '../../server/doctor/upgrade-findings.ts';
import { addressFaults } from './address-faults.ts';
import { nameFaults } from './name-faults.ts';
import { reachFaults } from './reach-faults.ts';
import { syncFaults } from './sync-faults.ts';
import { tlsFaults } from './tls-faults.ts';
import { upgradeFaults } from './upgrade-faults.ts';

const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
const named = [...page.matchAll(/`((?:doctor|name|tcp|tls|upgrade|sync|latency|size|idle|local)-[a-z0-9-]+)`/g)].map(
  (match) => match[1] ?? '',
);

test('docs/troubleshooting.md names every finding, and no other code', () => {
  assert.deepEqual(
    Object.keys(diagnoses).filter((code) => !named.includes(code)),
    [],
  );
  assert.deepEqual(
    named.filter((code) => !(code in diagnoses)),
    [],
  );
});

test('no code is in two tables, and no sentence is used for two causes', () => {
  const tables = [reachFindings, tlsFindings, upgradeFindings, syncFindings, localFindings, doctorFindings];
  const count = tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
  assert.equal(Object.keys(diagnoses).length, count);
  assert.equal(new Set(Object.values(diagnoses).map(({ sentence }) => sentence)).size, count);
});

test('every stage has its own exit status', () => {
  assert.equal(new Set(Object.values(exitStatus)).size, Object.keys(exitStatus).length);
  for (const { stage } of Object.values(diagnoses))
    assert.ok(page.includes(String(exitStatus[stage])) || stage === 'latency');
});

test('every finding about a connection is planted in a test', () => {
  const faults = [...nameFaults, ...reachFaults, ...tlsFaults, ...addressFaults, ...upgradeFaults, ...syncFaults];
  const planted = faults.map(({ expected }) => expected);
  const remote = Object.entries(diagnoses).filter(([, { stage }]) => stage !== 'local');
  assert.deepEqual(
    remote.map(([code]) => code).filter((code) => !planted.some((expected) => expected === code)),
    // Planted in examination.test.ts.
    ['doctor-failed', 'doctor-out-of-time'],
  );
});
