import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Server } from './server.ts';

/** This build: dist/, three folders up from here when compiled. */
const thisBuild = join(import.meta.dirname, '../../..');

/** Quire as it is by default, but for the log and two limits; `build` is the folder of another compiled revision. */
export function quire(commit: 'fsync' | 'write', build: string = thisBuild): Server {
  const script = join(build, 'server/cli/main.js');
  // Asked for once: how long a start takes is measured, and the question takes nearly as long.
  let limits: Readonly<Record<string, number>> | null = null;
  const args = (port: number, dataFolder: string): string[] => {
    limits ??= unlimited(script);
    const options = { data: dataFolder, port, commit, 'log-level': 'warn', ...limits };
    return ['serve', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])];
  };
  return {
    dialect: 'y-websocket',
    path: '/sync',
    persists: true,
    launch: ({ port, dataFolder }) => ({ script, args: [...args(port, dataFolder), '--tls', 'off'] }),
    launchTls: ({ port, dataFolder }, { certPath, keyPath }) => ({
      script,
      args: [...args(port, dataFolder), '--tls-cert', certPath, '--tls-key', keyPath],
    }),
    // Older revisions say `for editors ws:`.
    listening: /editors +wss?:/i,
  };
}

/**
 * One client writes a whole paper here, where by default 1,000 edits a second are taken; and one opens 10,000 documents before
 * anything is measured, where 1,000 connections a second are. Older revisions have no such limits.
 */
function unlimited(script: string): Readonly<Record<string, number>> {
  const help = execFileSync(process.execPath, [script, 'serve', '--help'], { encoding: 'utf8' });
  const limits = ['max-message-rate', 'max-connect-rate'].filter((name) => help.includes(`--${name} `));
  return Object.fromEntries(limits.map((name) => [name, 1_000_000]));
}
