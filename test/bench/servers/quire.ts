import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Server } from './server.ts';

/** This build: dist/, three folders up from here when compiled. */
const thisBuild = join(import.meta.dirname, '../../..');

/** Quire as it is by default, but for the log and one limit; `build` is the folder of another compiled revision. */
export function quire(commit: 'fsync' | 'write', build: string = thisBuild): Server {
  const script = join(build, 'server/cli/main.js');
  const args = (port: number, dataFolder: string): string[] => {
    const options = { data: dataFolder, port, commit, 'log-level': 'warn', ...unpaced(script) };
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
    listening: /for editors wss?:/,
  };
}

/** One client writes a whole paper here: by default that is slowed down to 1,000 edits a second. Older revisions have no such limit. */
function unpaced(script: string): Readonly<Record<string, number>> {
  const help = execFileSync(process.execPath, [script, 'serve', '--help'], { encoding: 'utf8' });
  return help.includes('--max-message-rate') ? { 'max-message-rate': 1_000_000 } : {};
}
