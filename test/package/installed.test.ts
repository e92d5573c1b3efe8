/** Installs both packages from their tarballs, each with its own dependencies and nothing else of this project. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { projectFolder } from '../support/lock-file.ts';
import { Disposer } from '../support/owner.ts';
import { installInto, npmPackClient } from '../support/packed-quire.ts';
import { ServerProcess } from '../support/server-process.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';

const execute = promisify(execFile);
const owner = new Disposer();
let folder: string;
let script: string;
let version: string;

before(() => {
  folder = tempFolder(owner);
  const installed = installInto(folder);
  const { bin, version: packed } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;
  script = join(installed, bin.quire);
  version = packed;
});
after(() => owner.dispose());

test('quire serve --help lists the settings, and quire --version prints the version', async () => {
  const command = join(folder, 'node_modules/.bin/quire');
  assert.equal((await execute(command, ['--version'], { cwd: folder })).stdout.trim(), version);
  assert.match((await quire('serve', '--help', 'limits')).stdout, /--max-connections <count> {3}QUIRE_MAX_CONNECTIONS/);
  assert.equal((await quire('--version')).stdout.trim(), version);
});

test('quire serve serves stock editors over wss and the demo page, and quire doctor finds nothing wrong', async (t) => {
  const dataFolder = tempFolder(t);
  const args = ['serve', '--port', '0', '--plain-port', '0', '--data', dataFolder];
  const server = new ServerProcess({ script, args });
  t.after(() => server.kill());
  const port = await server.find((line) => /wss:\/\/localhost:(\d+)\/sync/.exec(line)?.[1], 'it listens');
  const plainPort = await server.find((line) => /ws:\/\/127\.0\.0\.1:(\d+)\/sync/.exec(line)?.[1], 'it listens');
  const caPath = join(dataFolder, 'tls/ca.pem');
  const client = new StockClient(`wss://localhost:${port}/sync`, 'doc', { ca: readFileSync(caPath, 'utf8') });
  t.after(() => client.destroy());
  await client.synced();
  client.text.insert(0, 'packed');
  await client.saved();

  const page = await (await fetch(`http://127.0.0.1:${plainPort}/`)).text();
  const asset = /(?:src|href)="(\.?\/assets\/[^"]+\.js)"/.exec(page)?.[1];
  assert.ok(asset, page);
  const answer = await fetch(new URL(asset, `http://127.0.0.1:${plainPort}/`));
  assert.equal(answer.status, 200);
  assert.ok((await answer.text()).length > 100_000, 'the editor');

  const { stdout } = await quire('doctor', `wss://localhost:${port}/sync/doc`, '--ca', caPath, '--json');
  const { findings } = JSON.parse(stdout) as { findings: readonly { readonly severity: string }[] };
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'error'),
    [],
  );
});

test('quire-client installs without network and without dependencies; TypeScript and Node import it', async (t) => {
  const project = tempFolder(t);
  const { filename } = npmPackClient('--pack-destination', project);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  await execute('npm', ['install', '--offline', `./${filename}`], { cwd: project });
  const packages = readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert.deepEqual(packages, ['quire-client']);

  const use = `import { guardPresence, keepAuthorized, onRefused, trackSaved } from 'quire-client';
import type { Refusal, SavedState, SavedTracker } from 'quire-client';
export const parts: readonly unknown[] = [guardPresence, keepAuthorized, onRefused, trackSaved];
export const isSaved = (state: SavedState): boolean => state.saved;
export const about = (refusal: Refusal, tracker: SavedTracker): string => refusal.reason + String(tracker.state.edits);
`;
  writeFileSync(join(project, 'use.ts'), use);
  writeFileSync(join(project, 'wrong.ts'), use.replace('state.saved', 'state.stored'));
  const types = (file: string): Promise<unknown> => {
    // The strictest settings, but without checking the types of y-websocket, because a page installs its own version.
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--lib', 'es2023,dom', '--skipLibCheck'];
    return execute(join(projectFolder, 'node_modules/.bin/tsc'), [...options, '--types', '', file], { cwd: project });
  };
  await types('use.ts');
  await assert.rejects(types('wrong.ts'), ({ stdout }: { stdout: string }) => /'stored' does not exist/.test(stdout));

  writeFileSync(
    join(project, 'use.js'),
    `import * as client from 'quire-client'; console.log(Object.keys(client).sort().join());`,
  );
  const { stdout } = await execute(process.execPath, ['use.js'], { cwd: project });
  assert.equal(stdout.trim(), 'guardPresence,keepAuthorized,onRefused,trackSaved');
});

test('the binaries of the database exist for Linux on x64 and arm64 with glibc, and on x64 with musl', () => {
  for (const binary of [
    'linux-x64/classic-level.node',
    'linux-x64/classic-level.musl.node',
    'linux-arm64/classic-level.armv8.node',
  ]) {
    assert.ok(existsSync(join(folder, 'node_modules/classic-level/prebuilds', binary)), binary);
  }
});

function quire(...args: readonly string[]): Promise<{ readonly stdout: string }> {
  return execute(process.execPath, [script, ...args], { cwd: folder });
}

interface Manifest {
  readonly version: string;
  readonly bin: { readonly quire: string };
}
