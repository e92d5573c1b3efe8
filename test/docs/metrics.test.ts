import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AcmeStats } from '../../server/acme/acme-renewal.ts';
import { registerAcmeMetrics } from '../../server/metrics/certificates.ts';
import { MetricRegistry } from '../../server/metrics/registry.ts';
import { projectFolder } from '../support/lock-file.ts';
import { Quire } from '../support/quire.ts';

const docs = join(projectFolder, 'docs');
const pages = readdirSync(docs).filter((file) => file.endsWith('.md'));

test('every metric that a page names exists', async (t) => {
  const quire = await Quire.start(t, { args: ['--ephemeral'] });
  const text = await (await fetch(`${quire.httpUrl}/metrics`)).text();
  // The output has the type of every metric, even if it has counted nothing yet.
  const names = new Set(Array.from(text.matchAll(/^# TYPE (\w+)/gm), ([, name]) => name));
  const acme = new MetricRegistry();
  registerAcmeMetrics(acme, new AcmeStats());
  for (const name of acme.names) names.add(`quire_${name}`);
  let named = 0;
  for (const page of pages) {
    for (const [, name = ''] of readFileSync(join(docs, page), 'utf8').matchAll(/`[^`\n]*?\b(quire_[a-z_]+)/g)) {
      named++;
      assert.ok(names.has(name), `${name} in docs/${page}`);
    }
  }
  assert.ok(named > 10, `${named} found`);
});
