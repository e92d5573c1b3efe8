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
  /** Where it keeps its data; without it a folder of its own, which is gone when the owner ends. */
  readonly dataFolder?: string;
  /** `dev` (wss and plain) unless told. */
  readonly tls?: 'dev' | 'off';
}

interface Ports {
  readonly plain: number;
  /** Null if TLS is off. */
  readonly wss: number | null;
}

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

/** A running `quire serve` on loopback and free ports, which it keeps when it is started again. */
export class Quire {
  readonly dataFolder: string;
  #process: ServerProcess;
  #ports: Ports;
  readonly #options: QuireOptions;

  /** Resolves when it listens. It is killed, and its folder removed, when the owner ends. */
  static async start(owner: Owner, options: QuireOptions = {}): Promise<Quire> {
    const own = options.dataFolder === undefined;
    const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'quire-'));
    let process: ServerProcess | null = null;
    let quire: Quire | null = null;
    owner.after(async () => {
      await (quire?.process ?? process)?.kill();
      if (own) await rm(dataFolder, { recursive: true, force: true });
    });
    // Not any that is free: it is to get them again, and while it is down connections are given those.
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

  /** The process that runs at present: another one after every restart. */
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

  /** Starts again, on the same data and the same ports; the process must have ended. */
  async restart(): Promise<void> {
    if (this.#process.isRunning) throw new Error('It is still running');
    this.#process = launch(this.dataFolder, this.#options, this.#ports);
    this.#ports = await listening(this.#process, this.#options);
  }
}

/** No client of a test is sent away, and no end is cut short, because the machine is slow. Tests of these say what they want. */
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
      // An inspector prints an address as well.
      if (line.startsWith('Debugger listening')) return undefined;
      const found = new RegExp(`\\b${scheme}://[^\\s/"]+:(\\d+)`).exec(line)?.[1];
      return found === undefined ? undefined : Number(found);
    }, `Quire says where it listens for ${scheme}`);
  if (options.tls === 'off') return { plain: await port('ws'), wss: null };
  const [plain, wss] = await Promise.all([port('ws'), port('wss')]);
  return { plain, wss };
}
