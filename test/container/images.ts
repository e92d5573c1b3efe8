import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Images are kept here for the next time: the base takes most of the time. `rm -r` it when no container runs. */
const storage = join(tmpdir(), 'quire-containers');
const storageConfig = join(storage, 'storage.conf');
const tools = ['buildah', 'debootstrap', 'podman', 'runc'];

export const image = 'localhost/quire:test';
/** Of every file in an image, in seconds since 1970: any, if it is the same one each time. */
const sourceDate = 1_750_000_000;

/** What buildah and podman are to see: images of their own, a storage driver that needs nothing of the kernel. */
export const engineEnvironment = {
  ...process.env,
  CONTAINERS_STORAGE_CONF: storageConfig,
  STORAGE_DRIVER: 'vfs',
  BUILDAH_ISOLATION: 'chroot',
};

/** Builds the Dockerfile, on a base image that is made if it is missing. Throws with what the builder printed. */
export function buildImage(): void {
  const missing = tools.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length > 0) {
    throw new Error(
      `Missing: ${missing.join(', ')}. On Debian: apt-get install --no-install-recommends ${tools.join(' ')}`,
    );
  }
  mkdirSync(storage, { recursive: true });
  const folders = { graphroot: join(storage, 'images'), runroot: join(storage, 'run') };
  const lines = Object.entries(folders).map(([name, path]) => `${name} = "${path}"`);
  writeFileSync(storageConfig, ['[storage]', 'driver = "vfs"', ...lines, ''].join('\n'));

  const base = baseImage();
  if (spawnSync('buildah', ['inspect', '--type', 'image', base], { env: engineEnvironment }).status !== 0) {
    run(join(root, 'test/container/make-base.sh'), [base]);
  }
  buildAs(image);
  run('buildah', ['rmi', '--prune']);
}

/** Builds it once more, from nothing, under another name; returns that. */
export function buildImageAgain(): string {
  const again = 'localhost/quire:again';
  buildAs(again);
  return again;
}

/** The hashes of what is in an image, layer by layer. */
export function layersOf(name: string): readonly string[] {
  return JSON.parse(inspect(name, '{{json .RootFS.Layers}}')) as string[];
}

/** In bytes: what the Dockerfile adds to its base. */
export function addedBytes(): number {
  return sizeOf(image) - sizeOf(baseImage());
}

function buildAs(tag: string): void {
  // The format docker, because an OCI image has no health check.
  const how = ['--format', 'docker', '--pull-never', '--layers=false', '--timestamp', String(sourceDate)];
  run('buildah', ['bud', ...how, '--tag', tag, root]);
}

function sizeOf(name: string): number {
  return Number(inspect(name, '{{.Size}}'));
}

function inspect(name: string, format: string): string {
  const args = ['image', 'inspect', '--format', format, name];
  return execFileSync('podman', args, { env: engineEnvironment, encoding: 'utf8' });
}

/** The one that the Dockerfile names. */
function baseImage(): string {
  const found = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1];
  if (found === undefined) throw new Error('The Dockerfile names no base image');
  return found;
}

/** Others may be at work on this machine, so it is nice to them. */
function run(command: string, args: readonly string[]): void {
  const { status, error, stdout, stderr } = spawnSync('nice', ['-n', '10', command, ...args], {
    env: engineEnvironment,
    encoding: 'utf8',
  });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}
