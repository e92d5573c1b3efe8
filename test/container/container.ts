import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { freePort } from '../support/free-port.ts';
import type { Owner } from '../support/owner.ts';
import { engineEnvironment, image } from './images.ts';

export interface ContainerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** As after `-v`: a folder, `:/data`, options. Without it a volume of its own. */
  readonly volume?: string;
}

const execute = promisify(execFile);

/** What a careful operator gives `docker run`. */
const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'];
/** The defaults of podman are more than a sandbox may be allowed to give. */
const limits = ['--ulimit=nofile=4096:4096', '--ulimit=nproc=1024:1024'];

/** One container of the image, on a port of loopback that it keeps when it is started again. */
export class Container {
  readonly port: number;
  readonly #name: string;

  /** Resolves when the engine has started it. It and its volume are gone when the owner ends. */
  static async run(owner: Owner, options: ContainerOptions = {}): Promise<Container> {
    const container = new Container(`quire-${randomUUID()}`, await freePort());
    owner.after(async () => {
      await podman('rm', '--force', '--volumes', '--time', '0', container.#name);
    });
    const environment = Object.entries(options.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const where = ['--publish', `127.0.0.1:${container.port}:8443`];
    if (options.volume !== undefined) where.push('--volume', options.volume);
    await podman('run', '--detach', '--name', container.#name, ...where, ...environment, ...hardened, ...limits, image);
    return container;
  }

  private constructor(name: string, port: number) {
    this.#name = name;
    this.port = port;
  }

  get url(): string {
    return `wss://localhost:${this.port}/sync`;
  }

  /** Resolves when it listens; rejects if it ends before, with what it printed. */
  async ready(): Promise<void> {
    const lastTryMs = performance.now() + 20_000;
    // The engine tells of no such moment, so it is asked again and again.
    while (!(await this.isHealthy())) {
      if (performance.now() > lastTryMs || !(await this.isRunning())) throw new Error(await this.logs());
    }
  }

  /** What the image's HEALTHCHECK says. */
  isHealthy(): Promise<boolean> {
    return podman('healthcheck', 'run', this.#name).then(
      () => true,
      () => false,
    );
  }

  async isRunning(): Promise<boolean> {
    return (await this.#inspect('{{.State.Running}}')) === 'true';
  }

  /** The number of its process, outside. */
  async pid(): Promise<number> {
    return Number(await this.#inspect('{{.State.Pid}}'));
  }

  /** SIGTERM, after ten seconds SIGKILL; resolves with the status that it ended with. */
  async stop(): Promise<number> {
    await podman('stop', '--time', '10', this.#name);
    return this.ended();
  }

  /** Resolves with its status when it has ended. */
  async ended(): Promise<number> {
    return Number(await podman('wait', this.#name));
  }

  async startAgain(): Promise<void> {
    await podman('start', this.#name);
    await this.ready();
  }

  /** Runs a command in it, as its user; resolves with what that prints. */
  execute(...command: readonly string[]): Promise<string> {
    return podman('exec', this.#name, ...command);
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await execute('podman', ['logs', this.#name], { env: engineEnvironment });
    return stdout + stderr;
  }

  #inspect(format: string): Promise<string> {
    return podman('inspect', '--format', format, this.#name);
  }
}

/** Resolves with what it prints; rejects if its status is not 0. */
export async function podman(...args: readonly string[]): Promise<string> {
  const engine = ['--runtime=runc', '--cgroup-manager=cgroupfs', '--log-level=fatal'];
  const { stdout } = await execute('podman', [...engine, ...args], { env: engineEnvironment });
  return stdout.trim();
}
