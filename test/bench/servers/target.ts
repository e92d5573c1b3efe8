import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paced } from '../../support/deadline.ts';
import type { Owner } from '../../support/owner.ts';
import { scratchCertificate } from '../../support/scratch-certificate.ts';
import { ServerProcess } from '../../support/server-process.ts';
import { freePort } from '../../support/free-port.ts';
import { Nginx } from './nginx.ts';
import { treeCpuMicros, treePssBytes } from './process-tree.ts';
import type { Certificate, Dialect, Server } from './server.ts';

/** The address that load is sent to. */
export interface Endpoint {
  /** The URL before the name of a document. */
  readonly url: string;
  readonly dialect: Dialect;
  /** The authority of the server's certificate (PEM), if it uses TLS. */
  readonly ca?: string;
}

export interface TargetOptions {
  readonly nodeArgs?: readonly string[];
  /** Whether clients use wss: to the server itself if it supports TLS, else to nginx in front of it. */
  readonly tls?: boolean;
  /** False if nothing is measured, so that there is no wait for a server to become idle. */
  readonly settles?: boolean;
}

const startTimeoutMs = 60_000;
/** How long the next run waits for a server to become idle. */
const settleTimeoutMs = 15_000;
const settlePeriodMs = 200;
const tickMicros = 10_000;

/** A server that is measured: a process with a folder of its own, on a port that stays the same after a restart. */
export class Target implements Endpoint {
  readonly name: string;
  readonly persists: boolean;
  readonly dialect: Dialect;
  readonly url: string;
  readonly ca: string;
  readonly dataFolder: string;
  readonly #server: Server;
  readonly #port: number;
  readonly #options: TargetOptions;
  readonly #certificate: Certificate;
  #nginx: Nginx | null = null;
  #process: ServerProcess;

  /** Resolves when it listens. It is killed, and its folder removed, when the owner ends. */
  static async start(name: string, server: Server, owner: Owner, options: TargetOptions = {}): Promise<Target> {
    const folder = mkdtempSync(join(tmpdir(), 'quire-bench-'));
    const [port, tlsPort] = [await freePort(), await freePort()];
    const target = new Target(name, server, options, folder, port, tlsPort);
    owner.after(async () => {
      await target.#nginx?.stop();
      await target.#process.kill();
      await rm(folder, { recursive: true, force: true });
    });
    await target.#listens();
    if (target.#isProxied) target.#nginx = await Nginx.start(folder, target.#certificate, tlsPort, port);
    return target;
  }

  private constructor(
    name: string,
    server: Server,
    options: TargetOptions,
    folder: string,
    port: number,
    tlsPort: number,
  ) {
    this.name = name;
    this.persists = server.persists;
    this.dialect = server.dialect;
    this.dataFolder = join(folder, 'data');
    mkdirSync(this.dataFolder);
    this.#server = server;
    this.#port = port;
    this.#options = options;
    this.#certificate = scratchCertificate(folder, 'localhost');
    this.ca = readFileSync(this.#certificate.caPath, 'utf8');
    const origin = options.tls ? `wss://127.0.0.1:${this.#isProxied ? tlsPort : port}` : `ws://127.0.0.1:${port}`;
    this.url = `${origin}${server.path}`;
    this.#process = this.#launch();
  }

  get process(): ServerProcess {
    return this.#process;
  }

  /** User and system time so far of the server's threads and children, and of the proxy in front of it. */
  cpuMicros(): number {
    return treeCpuMicros(this.#process.pid) + (this.#nginx ? treeCpuMicros(this.#nginx.pid) : 0);
  }

  pssBytes(): number {
    return treePssBytes(this.#process.pid) + (this.#nginx ? treePssBytes(this.#nginx.pid) : 0);
  }

  diskBytes(): number {
    const files = readdirSync(this.dataFolder, { recursive: true, withFileTypes: true });
    return files.reduce((sum, file) => sum + (file.isFile() ? statSync(join(file.parentPath, file.name)).size : 0), 0);
  }

  /** Asks the server to stop. Resolves when it has ended. */
  async stop(): Promise<void> {
    await this.#process.stop(startTimeoutMs);
  }

  /** Starts the server again on its data. Resolves with the time until it listens, in milliseconds. */
  async start(): Promise<number> {
    const startMs = performance.now();
    this.#process = this.#launch();
    await this.#listens();
    return performance.now() - startMs;
  }

  /** Resolves when the server is idle, so that deferred work does not disturb the next run. */
  async settles(timeoutMs = settleTimeoutMs): Promise<void> {
    if (this.#options.settles === false || !this.#process.isRunning) return;
    let before = this.cpuMicros();
    for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += settlePeriodMs) {
      await paced(settlePeriodMs);
      const now = this.cpuMicros();
      if (now - before <= tickMicros) return;
      before = now;
    }
  }

  get #isProxied(): boolean {
    return this.#options.tls === true && this.#server.launchTls === null;
  }

  #launch(): ServerProcess {
    const place = { port: this.#port, dataFolder: this.dataFolder };
    const { launch, launchTls } = this.#server;
    const found = this.#options.tls && launchTls ? launchTls(place, this.#certificate) : launch(place);
    return new ServerProcess({ ...found, nodeArgs: this.#options.nodeArgs ?? [] });
  }

  async #listens(): Promise<void> {
    const { listening } = this.#server;
    await this.#process.find(
      (line) => (listening.test(line) ? true : undefined),
      `${this.name} listens`,
      startTimeoutMs,
    );
  }
}
