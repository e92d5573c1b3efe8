import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { Authority } from '../support/authority.ts';
import { paced, within } from '../support/deadline.ts';
import { freePort } from '../support/free-port.ts';
import type { Owner } from '../support/owner.ts';
import { tempFolder } from '../support/temp-folder.ts';

export type ProxyName = 'nginx' | 'caddy' | 'haproxy';

export interface RunningProxy {
  readonly url: string;
  readonly ca: string;
}

/** Debian installs daemons in folders that only root has in its PATH. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

/** The configuration that docs/proxies.md gives for it. */
export function documented(name: ProxyName): string {
  const page = readFileSync(new URL('../../../docs/proxies.md', import.meta.url), 'utf8');
  const block = new RegExp(`^\`\`\`${name}\n([^]*?)^\`\`\``, 'm').exec(page)?.[1];
  if (block === undefined) throw new Error(`docs/proxies.md has no configuration for ${name}`);
  return block;
}

/**
 * Runs a proxy with a configuration of the documentation in front of a plain server, on free ports and with test
 * certificates.
 */
export async function startProxy(
  owner: Owner,
  name: ProxyName,
  configuration: string,
  backendPort: number,
  names?: readonly string[],
): Promise<RunningProxy> {
  const folder = tempFolder(owner);
  const port = await freePort();
  const root = Authority.root();
  const { cert, key } = root.leaf(names === undefined ? {} : { names });
  const file = (suffix: string, content: string): string => {
    const path = join(folder, suffix);
    writeFileSync(path, content);
    return path;
  };
  const certPath = file('cert.pem', cert);
  const keyPath = file('key.pem', key);
  const text = configuration
    .replaceAll('127.0.0.1:8443', `127.0.0.1:${backendPort}`)
    .replaceAll('/etc/letsencrypt/live/sync.example.org/fullchain.pem', certPath)
    .replaceAll('/etc/letsencrypt/live/sync.example.org/privkey.pem', keyPath)
    .replaceAll('/etc/haproxy/sync.example.org.pem', file('both.pem', cert + key))
    .replaceAll('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll('bind :443', `bind 127.0.0.1:${port}`)
    .replaceAll('sync.example.org {', `https://localhost:${port} {\n tls ${certPath} ${keyPath}`)
    .replaceAll('sync.example.org', 'localhost');
  const args = {
    nginx: () => ['-p', folder, '-e', 'stderr', '-c', file('nginx.conf', nginxAround(folder, text))],
    caddy: () => [
      'run',
      '--adapter',
      'caddyfile',
      '--config',
      file('Caddyfile', `{\n admin off\n auto_https off\n}\n${text}`),
    ],
    haproxy: () => ['-db', '-f', file('haproxy.cfg', text)],
  }[name]();
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, HOME: folder } });
  const ended = once(child, 'close');
  let printed = '';
  for (const output of [child.stdout, child.stderr])
    output.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  owner.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await within(20_000, () => `${name} listens; it printed:\n${printed}`, listening(port));
  return { url: `wss://localhost:${port}/sync`, ca: root.cert };
}

/** The part of nginx.conf around the server block. */
function nginxAround(folder: string, server: string): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off; master_process off; pid ${folder}/pid; events {}
http { access_log off; ${temp.join(' ')}
${server}}`;
}

/** Waits until a port accepts connections, because these programs do not say when they are ready. */
async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await paced(20);
    } finally {
      socket.destroy();
    }
  }
}

/** Ways to write the path of the metrics. Quire answers the encoded one too. */
export const metricsPaths = ['/metrics', '/metrics?x', '/%6detrics', '//metrics'] as const;

/** The status of a GET, over TLS with this authority. */
export function statusOf(url: string, ca: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { ca }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).on('error', reject);
  });
}
