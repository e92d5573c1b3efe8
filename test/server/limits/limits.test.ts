import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { optionNames, options } from '../../../server/config/options.ts';
import { parseConfig } from '../../../server/config/config.ts';
import { closeReason, httpStatus, limitReached, RefusedError } from '../../../server/errors.ts';
import { limitOptions } from '../../../server/config/limits.ts';
import { fixedLimits, limitNames, settableLimits } from '../../../server/limits/limits.ts';
import type { Limit, LimitName } from '../../../server/limits/limits.ts';
import { MetricRegistry } from '../../../server/metrics/registry.ts';
import { registerMetrics } from '../../../server/metrics/metrics.ts';
import { NetStats } from '../../../server/net/stats.ts';
import { SyncStats } from '../../../server/sync/stats.ts';
import { metricSources } from '../../support/metric-sources.ts';

const all = { ...settableLimits, ...fixedLimits };

/** The cells of each row of docs/limits.md that begins with a name, by that name. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(new URL('../../../../docs/limits.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| `([a-z-]+)` +\|(.*)\|$/gm);
  return new Map(Array.from(rows, ([, name = '', cells = '']) => [name, cells.split('|').map((cell) => cell.trim())]));
}

function sizeOf(bytes: number): string {
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2} MB`;
  return bytes % 1024 === 0 ? `${bytes / 1024} KB` : `${bytes} B`;
}

function boundOf(name: LimitName): string {
  const limit = all[name];
  if ('default' in limit) return limit.default;
  if (limit.max === 'message-size') return '`message-size`';
  if (limit.unit === 'bytes') return sizeOf(limit.max);
  return limit.unit === 'count' ? String(limit.max) : `${limit.max} ${limit.unit}`;
}

function codeOf(name: LimitName): string {
  const { refusal } = all[name];
  if (refusal === null) return 'waits';
  if (refusal.by === 'cut') return 'cut off';
  return refusal.by === 'status' ? `HTTP ${httpStatus(refusal.code)}` : String(closeReason(refusal.code).code);
}

test('the page on limits lists exactly the limits, each with its value, its reason and its code', () => {
  const rows = documented();
  assert.deepEqual([...rows.keys()], [...limitNames]);
  for (const name of limitNames) {
    const { what, why } = all[name];
    assert.deepEqual(rows.get(name)?.slice(0, 3), [boundOf(name), `${what} ${why}`, codeOf(name)], name);
    assert.ok((rows.get(name)?.[3] ?? '').length > 0, name);
  }
});

test('each settable limit is an option with its default, and there are no other such options', () => {
  const names = Object.keys(settableLimits).map((name) => `max-${name}`);
  assert.deepEqual(
    optionNames.filter((name) => name.startsWith('max-')),
    names,
  );
  for (const name of names) assert.ok(name in options && name in limitOptions, name);
  const defaults = Object.values(parseConfig([], {}).limits);
  assert.equal(defaults.length, names.length);
  const one = names.map((name) => [`--${name}`, /[A-Z]/.test(options[name as 'max-connections'].default) ? '1B' : '1']);
  const limits = parseConfig(one.flat(), {}).limits;
  const set = Object.values(limits).map((limit: number | { perSecond: number }) =>
    typeof limit === 'number' ? limit : limit.perSecond,
  );
  assert.deepEqual(
    set,
    names.map(() => 1),
  );
});

test('each limit is counted under its name, from 0 on, in every part of the server', async () => {
  const [net, sync, registry] = [new NetStats(), new SyncStats(), new MetricRegistry()];
  registerMetrics(registry, metricSources({ net, sync }));
  net.limitsReached.set('connections', 2);
  sync.limitReached('message-rate');
  const text = await registry.text();
  const counted = Array.from(text.matchAll(/^quire_limits_reached_total\{limit="([a-z-]+)"\} (\d+)$/gm), (found) => [
    found[1],
    Number(found[2]),
  ]);
  const expected = limitNames.map((name) => [name, name === 'connections' ? 2 : name === 'message-rate' ? 1 : 0]);
  assert.deepEqual(counted, expected);
});

test('the page on limits names the metric of the current value of each total, and each metric exists', () => {
  const page = readFileSync(new URL('../../../../docs/limits.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| `(quire_[a-z_]+)` +\| `([a-z-]+)` +\|/gm);
  const documented = Array.from(rows, ([, metric = '', name = '']) => [name, metric]);
  const gauges = limitNames.flatMap((name) => {
    const limit: Limit = all[name];
    return limit.gauge === undefined ? [] : [[name, limit.gauge] as const];
  });
  assert.deepEqual(documented, gauges);
  const registry = new MetricRegistry();
  registerMetrics(registry, metricSources());
  const names = new Set(Array.from(registry.names, (name) => `quire_${name}`));
  for (const [, metric] of gauges) assert.ok(names.has(metric), metric);
});

test('a refusal for a limit names the limit, in a text that fits a close frame (I8)', () => {
  for (const name of limitNames) {
    const { refusal } = all[name];
    if (refusal === null) continue;
    const error = limitReached(name);
    assert.ok(error instanceof RefusedError);
    assert.equal(error.limit, name);
    assert.equal(error.code, refusal.code);
    assert.ok(error.message.length > 0 && closeReason(error.code, error.message).reason === error.message, name);
  }
});
