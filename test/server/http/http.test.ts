import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { LogState } from '../../../persistence/update-log.ts';
import type { CertificateReport } from '../../../server/tls/certificate-health.ts';
import { createHttp } from '../../../server/http/http.ts';
import { MetricRegistry } from '../../../server/metrics/registry.ts';
import { registerMetrics } from '../../../server/metrics/metrics.ts';
import { NetStats } from '../../../server/net/stats.ts';
import { SyncStats } from '../../../server/sync/stats.ts';
import { metricSources } from '../../support/metric-sources.ts';

function setUp() {
  const state = {
    log: 'open' as LogState,
    stopping: false,
    metricsAllowed: true,
    certificates: [] as CertificateReport[],
  };
  const net = new NetStats();
  const sync = new SyncStats();
  const registry = new MetricRegistry();
  const counts = { connections: () => 3, rooms: () => 2, sessions: () => 1 };
  registerMetrics(registry, metricSources({ net, sync, ...counts, logState: () => state.log }));
  const app = createHttp({
    logger: pino({ level: 'silent' }),
    registry,
    demo: null,
    strictTransport: false,
    certificates: () => state.certificates,
    logState: () => state.log,
    mayReadMetrics: () => state.metricsAllowed,
    isStopping: () => state.stopping,
  });
  return { app, state, net, sync, registry };
}

test('healthz answers as long as the process runs; readyz says whether to send new clients here', async () => {
  const { app, state } = setUp();
  const readyz = async (log: LogState, stopping = false): Promise<number> => {
    Object.assign(state, { log, stopping });
    return (await app.request('/readyz')).status;
  };
  assert.equal(await readyz('open'), 200);
  assert.equal(await readyz('read-only'), 200);
  assert.equal(await readyz('reopening'), 503);
  assert.equal(await readyz('open', true), 503);
  assert.equal(await readyz('closed'), 503);
  assert.equal((await app.request('/healthz')).status, 200);
  assert.deepEqual(await (await app.request('/readyz')).json(), {
    status: 'not ready',
    storage: 'closed',
    stopping: false,
    certificates: [],
  });
});

test('readyz reports certificates with a late renewal, and fails only when all have expired', async () => {
  const { app, state } = setUp();
  const readyz = async (...healths: CertificateReport['health'][]) => {
    state.certificates = healths.map((health) => ({ names: [health], notAfterMs: 0, health }));
    const answer = await app.request('/readyz');
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  assert.equal((await readyz('good')).status, 200);
  const late = await readyz('renew-now');
  assert.equal(late.status, 200);
  assert.deepEqual(late.body['certificates'], [
    { names: ['renew-now'], notAfter: '1970-01-01T00:00:00.000Z', health: 'renew-now' },
  ]);
  assert.equal((await readyz('expired', 'good')).status, 200);
  assert.equal((await readyz('expired')).status, 503);
});

test('a missing path is answered in JSON with a reason (I8)', async () => {
  const { app } = setUp();
  const missing = await app.request('/nowhere');
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), { error: 'not-found', reason: 'there is nothing at /nowhere' });
  const plain = await app.request('/sync/doc');
  assert.equal(plain.status, 400);
  assert.deepEqual(await plain.json(), { error: 'bad-upgrade', reason: 'documents are served over WebSocket' });
});

test('without the demo page the server shows a plain page that may load nothing', async () => {
  const { app } = setUp();
  const page = await app.request('/');
  assert.match(await page.text(), /Yjs/);
  assert.equal(page.headers.get('content-security-policy'), "default-src 'none'");
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
});

test('metrics report the counters, with units in their names and no document in a label', async () => {
  const { app, net, sync } = setUp();
  net.connectionsOpened = 7;
  net.closed(1000);
  net.closed(1000);
  net.closed(3123);
  sync.updatesAppended = 5;
  sync.sessionsEnded.set('forbidden', 2);
  const text = await (await app.request('/metrics', {}, { incoming: null })).text();
  for (const line of [
    'quire_connections 3',
    'quire_rooms 2',
    'quire_sessions 1',
    'quire_connections_opened_total 7',
    'quire_connections_closed_total{code="1000"} 2',
    'quire_connections_closed_total{code="other"} 1',
    'quire_updates_appended_total 5',
    'quire_sessions_ended_total{error="forbidden"} 2',
    'quire_log_state{state="open"} 1',
    'quire_log_state{state="closed"} 0',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.match(text, /^quire_process_resident_memory_bytes \d+$/m);
  const again = await (await app.request('/metrics', {}, { incoming: null })).text();
  assert.ok(again.includes('quire_connections_opened_total 7\n'), 'reading twice does not count twice');
});

test('two servers in one process have separate metrics', async () => {
  const [one, other] = [setUp(), setUp()];
  one.net.connectionsOpened = 1;
  assert.match(await one.registry.text(), /quire_connections_opened_total 1/);
  assert.match(await other.registry.text(), /quire_connections_opened_total 0/);
});

test('metrics are refused to clients that may not read them', async () => {
  const { app, state } = setUp();
  state.metricsAllowed = false;
  const answer = await app.request('/metrics', {}, { incoming: null });
  assert.equal(answer.status, 403);
  assert.deepEqual(await answer.json(), { error: 'forbidden', reason: 'not for this address' });
});
