import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../../../server/metrics/registry.ts';

test('metrics are written in the text format of Prometheus, with the values at the time of the request', async () => {
  const registry = new MetricRegistry();
  let edits = 1;
  registry.counter('edits_total', 'Edits.', () => edits);
  registry.gauge('rooms', 'Documents in memory.', () => 0.5);
  registry.counters(
    'closed_total',
    'Closed, by code.',
    'code',
    () =>
      new Map([
        ['1000', 2],
        ['1006', 3],
      ]),
  );
  registry.gauges('nothing', 'Of which there is none yet.', 'name', () => []);
  edits = 7;
  assert.equal(
    await registry.text(),
    `# HELP quire_edits_total Edits.
# TYPE quire_edits_total counter
quire_edits_total 7

# HELP quire_rooms Documents in memory.
# TYPE quire_rooms gauge
quire_rooms 0.5

# HELP quire_closed_total Closed, by code.
# TYPE quire_closed_total counter
quire_closed_total{code="1000"} 2
quire_closed_total{code="1006"} 3

# HELP quire_nothing Of which there is none yet.
# TYPE quire_nothing gauge
`,
  );
});

test('any label value stays on one line, because names of certificates come from outside', async () => {
  const registry = new MetricRegistry();
  registry.gauges('not_after_seconds', 'Its end.', 'name', () => [['a"b\\c\nd', 1]]);
  assert.match(await registry.text(), /^quire_not_after_seconds\{name="a\\"b\\\\c\\nd"\} 1$/m);
});

test('registering two metrics of the same name throws', () => {
  const registry = new MetricRegistry();
  registry.gauge('rooms', 'Documents.', () => 0);
  assert.throws(() => registry.gauge('rooms', 'Rooms.', () => 0), /rooms/);
});
