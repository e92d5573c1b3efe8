import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server.ts';

/** The path from dist/test/bench/servers. The compiler does not copy test/bench/peers. */
export const peersFolder = join(import.meta.dirname, '../../../../test/bench/peers');

/** Stores every update in LevelDB (y-leveldb), without waiting for it. */
export const yWebsocket: Server = {
  dialect: 'y-websocket',
  path: '',
  persists: true,
  launch: ({ port, dataFolder }) => ({
    script: join(peersFolder, 'node_modules/y-websocket/bin/server.cjs'),
    env: { HOST: '127.0.0.1', PORT: String(port), YPERSISTENCE: dataFolder },
  }),
  launchTls: null,
  listening: /^running at/,
};

/** Its successor, which keeps documents in memory only. */
export const yWebsocketServer: Server = {
  dialect: 'y-websocket',
  path: '',
  persists: false,
  launch: ({ port }) => ({
    script: join(peersFolder, 'node_modules/@y/websocket-server/src/server.js'),
    env: { HOST: '127.0.0.1', PORT: String(port) },
  }),
  launchTls: null,
  listening: /^running at/,
};

/** Stores whole documents in SQLite, two seconds after the last edit. */
export const hocuspocus: Server = {
  dialect: 'hocuspocus',
  path: '',
  persists: true,
  launch: ({ port, dataFolder }) => ({
    script: join(peersFolder, 'hocuspocus.js'),
    args: [String(port), dataFolder],
  }),
  launchTls: null,
  listening: /^hocuspocus listening on/,
};

/** Installs the peers in a folder of their own, unless they are installed. Needs a package registry. */
export function installPeers(): void {
  if (existsSync(join(peersFolder, 'node_modules/.package-lock.json'))) return;
  // Hocuspocus asks for Node 22 and runs on 20. npm only warns.
  execFileSync('npm', ['ci', '--prefix', peersFolder], { stdio: 'inherit' });
}

/** The installed versions, by package. */
export function peerVersions(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(readFileSync(join(peersFolder, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return manifest.dependencies;
}
