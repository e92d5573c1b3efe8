/** Waits for the idle timeout of a real proxy: nginx closes a connection after 60 s of silence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine } from '../../server/doctor/doctor.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { Quire } from '../support/quire.ts';
import { needs } from '../support/programs.ts';
import { documented, startProxy } from './proxy.ts';
import { syncPeer } from './sync-peer.ts';

const withNginx = needs('nginx');
const configuration = documented('nginx').replace('proxy_read_timeout 75s', 'proxy_read_timeout 60s');
assert.match(configuration, /proxy_read_timeout 60s/);

async function codes(url: string, ca: string, idleMs: number): Promise<readonly string[]> {
  const { findings } = await examine(parseTarget(`${url}/doc`, { ca }), {
    lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    now: Date.now,
    monotonicMs: () => performance.now(),
    stepTimeoutMs: 20_000,
    idleMs,
    proxyIdleMs: 60_000,
  });
  return findings.map(({ code }) => code);
}

for (const idleMs of [65_000, 105_000]) {
  const seconds = idleMs / 1_000;

  test(`a Quire that pings outlives ${seconds} s of silence behind nginx`, withNginx, async (t) => {
    const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'] });
    const { url, ca } = await startProxy(t, 'nginx', configuration, Number(new URL(quire.url).port));
    assert.deepEqual(await codes(url, ca, idleMs), []);
  });

  test(`a server that does not ping is cut off within ${seconds} s, and the doctor says so`, withNginx, async (t) => {
    const { url, ca } = await startProxy(t, 'nginx', configuration, await syncPeer(t));
    assert.deepEqual(await codes(url, ca, idleMs), ['idle-cut']);
  });
}
