import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paced } from '../../support/deadline.ts';
import type { Certificate } from './server.ts';

const startTimeoutMs = 20_000;
const pollMs = 20;

/** nginx in front of a server without TLS. It has a worker for each processor, as distributions configure it. */
export class Nginx {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** Resolves when nginx accepts connections. */
  static async start(folder: string, certificate: Certificate, port: number, backendPort: number): Promise<Nginx> {
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, configuration(folder, certificate, port, backendPort));
    const nginx = new Nginx(
      spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', file], {
        // Debian installs daemons in a folder that only root has in PATH.
        env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    );
    for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += pollMs) {
      if (await answers(port)) return nginx;
      await paced(pollMs);
    }
    await nginx.stop();
    throw new Error('nginx does not listen');
  }

  private constructor(child: ChildProcess) {
    // The missing process id reports this as well.
    child.once('error', () => {});
    if (child.pid === undefined) throw new Error('nginx is not installed');
    this.pid = child.pid;
    this.#child = child;
    this.#ended = once(child, 'exit');
  }

  /** Sends SIGTERM, so that nginx ends its workers too. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

function configuration(folder: string, { certPath, keyPath }: Certificate, port: number, backendPort: number): string {
  return `
daemon off;
worker_processes auto;
pid ${folder}/nginx.pid;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path ${folder};
  proxy_temp_path ${folder};
  fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder};
  scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    server_name localhost;
    ssl_certificate ${certPath};
    ssl_certificate_key ${keyPath};
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://127.0.0.1:${backendPort};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isThere: boolean) => (): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', settle(true)).once('error', settle(false));
  });
}
