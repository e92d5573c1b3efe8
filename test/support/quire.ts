import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import type { Owner } from './owner.ts';
import { ServerProcess } from './server-process.ts';

export interface QuireOptions {
  /** Further flags of `quire serve`. */
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly openFiles?: number;
  /** The data folder. Default: a temporary folder, removed when the owner ends. */
  readonly dataFolder?: string;
  /** Default: `dev` (wss and plain). */
  readonly tls?: 'dev' | 'off';
}

interface Ports {
  readonly plain: number;
  /** Null if TLS is off. */
  readonly wss: number | null;
}

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

/** A running `quire serve` on loopback. Its ports are free ones, and stay the same after a restart. */
export class Quire {
  readonly dataFolder: string;
  #process: ServerProcess;
  #ports: Ports;
  readonly #options: QuireOptions;

  /** Resolves when it listens. When the owner ends, it is killed and its folder is removed. */
  static async start(owner: Owner, options: QuireOptions = {}): Promise<Quire> {
    const own = options.dataFolder === undefined;
    const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'quire-'));
    let process: ServerProcess | null = null;
    let quire: Quire | null = null;
    owner.after(async () => {
      await (quire?.process ?? process)?.kill();
      if (own) await rm(dataFolder, { recursive: true, force: true });
    });
    // Not any free port: while the server is down, the kernel may give such a port to an outgoing connection.
    const ports = { plain: await freePort(), wss: await freePort() };
    process = launch(dataFolder, options, ports);
    quire = new Quire(dataFolder, options, process, await listening(process, options));
    return quire;
  }

  private constructor(dataFolder: string, options: QuireOptions, process: ServerProcess, ports: Ports) {
    this.dataFolder = dataFolder;
    this.#options = options;
    this.#process = process;
    this.#ports = ports;
  }

  /** The current process. Every restart makes a new one. */
  get process(): ServerProcess {
    return this.#process;
  }

  /** Plain WebSocket, up to and including `/sync`. */
  get url(): string {
    return `ws://127.0.0.1:${this.#ports.plain}/sync`;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.#ports.plain}`;
  }

  get wssUrl(): string {
    if (this.#ports.wss === null) throw new Error('This server was started without TLS');
    return `wss://localhost:${this.#ports.wss}/sync`;
  }

  /** The authority that signed its development certificate, PEM. */
  get ca(): string {
    return readFileSync(join(this.dataFolder, 'tls', 'ca.pem'), 'utf8');
  }

  /** Starts the server again, with the same data and ports. The process must have ended. */
  async restart(): Promise<void> {
    if (this.#process.isRunning) throw new Error('It is still running');
    this.#process = launch(this.dataFolder, this.#options, this.#ports);
    this.#ports = await listening(this.#process, this.#options);
  }
}

/**
 * Long timeouts, so that a slow machine closes no client and cuts off no shutdown. Tests of these timeouts set their
 * own.
 */
const patience = ['--handshake-timeout', '10m', '--shutdown-timeout', '2m'];

function launch(dataFolder: string, options: QuireOptions, ports: Ports): ServerProcess {
  const tls = options.tls ?? 'dev';
  const own = tls === 'off' ? ports.plain : ports.wss;
  const args = ['serve', '--data', dataFolder, '--port', String(own), '--tls', tls, ...patience];
  if (tls === 'dev') args.push('--plain-port', String(ports.plain));
  return new ServerProcess({
    script,
    args: [...args, ...(options.args ?? [])],
    ...(options.nodeArgs ? { nodeArgs: options.nodeArgs } : {}),
    ...(options.env ? { env: options.env } : {}),
    ...(options.openFiles === undefined ? {} : { openFiles: options.openFiles }),
  });
}

async function listening(process: ServerProcess, options: QuireOptions): Promise<Ports> {
  const port = (scheme: 'ws' | 'wss'): Promise<number> =>
    process.find((line) => {
      // An inspector also prints an address.
      if (line.startsWith('Debugger listening')) return undefined;
      const found = new RegExp(`\\b${scheme}://[^\\s/"]+:(\\d+)`).exec(line)?.[1];
      return found === undefined ? undefined : Number(found);
    }, `Quire says where it listens for ${scheme}`);
  if (options.tls === 'off') return { plain: await port('ws'), wss: null };
  const [plain, wss] = await Promise.all([port('ws'), port('wss')]);
  return { plain, wss };
}
