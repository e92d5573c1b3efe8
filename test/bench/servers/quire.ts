import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Server } from './server.ts';

/** This build: dist/, three folders above this file when it is compiled. */
const thisBuild = join(import.meta.dirname, '../../..');

/** Quire with its defaults, except for the log and two limits. `build` is the folder of a build. */
export function quire(commit: 'fsync' | 'write', build: string = thisBuild): Server {
  const script = join(build, 'server/cli/main.js');
  // Determined once, because it takes nearly as long as a start, which is measured.
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
    // Older revisions print `for editors ws:`.
    listening: /editors +wss?:/i,
  };
}

/**
 * Raises two limits: in one workload a client writes a whole paper, and by default Quire reads 1,000 messages a second
 * from a client; in another 10,000 documents are opened first, and by default Quire accepts 1,000 connections a second.
 * Older revisions do not have these limits.
 */
function unlimited(script: string): Readonly<Record<string, number>> {
  const help = execFileSync(process.execPath, [script, 'serve', '--help', 'limits'], { encoding: 'utf8' });
  const limits = ['max-message-rate', 'max-connect-rate'].filter((name) => help.includes(`--${name} `));
  return Object.fromEntries(limits.map((name) => [name, 1_000_000]));
}
