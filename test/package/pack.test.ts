import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder, shippedPackages } from '../support/lock-file.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** 0.6 MB in November 2026, most of it the demo page. */
const maxPackedBytes = 1_000_000;
const allowed = [
  /^(CHANGELOG|README)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
  /^dist\/(persistence|server)\/.+\.js(\.map)?$/,
  /^dist\/client-demo\/lib\/.+\.(d\.ts|js)(\.map)?$/,
  /^dist\/client-demo\/site\//,
  /^docs\//,
];
const needed = [
  'LICENSE',
  'dist/server/cli/main.js',
  'dist/server/cli/health.js',
  'dist/persistence/compaction/worker-thread.js',
  'dist/client-demo/lib/client.d.ts',
  'dist/client-demo/lib/client.js',
  'dist/client-demo/site/index.html',
];

test('the package holds the program, the page, the client module and the documentation, and nothing else', () => {
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

test('the package serves stock editors over wss with its own dependencies alone', async (t) => {
  const dataFolder = tempFolder(t);
  const server = new ServerProcess({
    script: join(unpackInto(tempFolder(t)), 'dist/server/cli/main.js'),
    args: ['serve', '--port', '0', '--plain-port', 'off', '--data', dataFolder],
  });
  t.after(() => server.kill());
  const port = await server.find((line) => /wss:\/\/localhost:(\d+)\/sync/.exec(line)?.[1], 'it listens');
  const ca = readFileSync(join(dataFolder, 'tls/ca.pem'), 'utf8');
  const client = new StockClient(`wss://localhost:${port}/sync`, 'doc', { ca });
  t.after(() => client.destroy());
  await client.synced();
  client.text.insert(0, 'packed');
  await client.saved();
});

/**
 * Returns the folder of the package, its dependencies in it: those that are installed here, copied, so that no other is
 * within reach and no registry is asked.
 */
function unpackInto(folder: string): string {
  const { filename } = npmPack('--pack-destination', folder);
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder]);
  const unpacked = join(folder, 'package');
  for (const { path } of shippedPackages()) {
    cpSync(join(projectFolder, path), join(unpacked, path), { recursive: true });
  }
  return unpacked;
}

function npmPack(...args: readonly string[]): NpmPacked {
  // Everything is built already: no `prepack`.
  const answer = execFileSync('npm', ['pack', '--json', '--ignore-scripts', ...args], {
    cwd: projectFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(answer) as [NpmPacked];
  return packed;
}

/** What `npm pack --json` says. */
interface NpmPacked {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}
