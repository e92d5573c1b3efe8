import assert from 'node:assert/strict';
import { test } from 'node:test';
import { npmPack, npmPackClient } from '../support/packed-quire.ts';

/** 0.6 MB in November 2026, most of it the demo page. */
const maxPackedBytes = 1_000_000;
const allowed = [
  /^(CHANGELOG|README)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
  /^dist\/(persistence|server)\/.+\.js(\.map)?$/,
  /^dist\/client-demo\/site\//,
  /^docs\//,
];
const needed = [
  'LICENSE',
  'dist/server/cli/main.js',
  'dist/server/cli/health.js',
  'dist/persistence/compaction/worker-thread.js',
  'dist/client-demo/site/index.html',
];

test('quire-server contains the program, the demo page and the documentation, and nothing else', () => {
  const { files, size } = npmPack('--dry-run');
  const paths = files.map(({ path }) => path);
  assert.deepEqual(
    paths.filter((path) => !allowed.some((pattern) => pattern.test(path))),
    [],
  );
  assert.deepEqual(
    needed.filter((path) => !paths.includes(path)),
    [],
  );
  assert.ok(size < maxPackedBytes, `${size} bytes`);
});

test('quire-client contains its modules with their types, and nothing else', () => {
  const { name, files, size } = npmPackClient('--dry-run');
  assert.equal(name, 'quire-client');
  const modules = ['authorized', 'client', 'presence', 'refused', 'saved'];
  assert.deepEqual(
    files.map(({ path }) => path).sort(),
    [
      'LICENSE',
      'README.md',
      'package.json',
      ...modules.flatMap((module) => [`dist/${module}.d.ts`, `dist/${module}.js`]),
    ].sort(),
  );
  assert.ok(size < 20_000, `${size} bytes`);
});
