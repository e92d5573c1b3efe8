import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import type { Rollup } from 'vite';
import { builtClient } from '../../support/built-page.ts';
import { projectFolder } from '../../support/lock-file.ts';

const entry = '\0entry';
const client = join(builtClient, 'client.js');

/** The size that these imports add to a page, minified and gzipped. */
async function addedBytes(imported: string): Promise<number> {
  const output = await build({
    configFile: false,
    logLevel: 'silent',
    root: projectFolder,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? `import * as client from '${client}'; export default [${imported}];` : null),
      },
    ],
    build: { write: false, minify: true, rollupOptions: { input: entry, preserveEntrySignatures: 'strict' } },
  });
  const [{ output: chunks }] = [output].flat() as [Rollup.RollupOutput];
  return gzipSync(chunks[0].code).length;
}

test('quire-client is less than 2 KB minified and gzipped, and a bundler drops its unused parts', async () => {
  const [all, refused] = [
    await addedBytes('client.trackSaved, client.onRefused, client.keepAuthorized, client.guardPresence'),
    await addedBytes('client.onRefused'),
  ];
  assert.ok(all < 2048, `${all} bytes`);
  assert.ok(refused < 300, `${refused} bytes for onRefused alone`);
});
