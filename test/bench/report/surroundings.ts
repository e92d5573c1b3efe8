import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { peerVersions } from '../servers/peers.ts';
import { median } from '../statistics.ts';

/** What figures depend on, beside what is measured. */
export interface Surroundings {
  /** Day, in UTC. */
  readonly date: string;
  readonly machine: string;
  /** How long the disk took to keep 4 KB for good, in milliseconds: what Quire waits for, and peers do not. */
  readonly fsyncMs: number;
  /** Commit that was measured; with a + if files were changed since. */
  readonly revision: string;
  /** Of Node and of the peers, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

const syncs = 50;

export function surroundings(): Surroundings {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} x ${processors[0]?.model ?? 'unknown'}, ${memory}, Linux ${release()}`,
    fsyncMs: fsyncMs(),
    revision: revision(),
    versions: { node: process.version, ws: versionOfWs(), ...peerVersions() },
  };
}

function fsyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'quire-bench-'));
  const file = openSync(join(folder, 'probe'), 'w');
  try {
    const durationsMs = Array.from({ length: syncs }, () => {
      const startMs = performance.now();
      writeSync(file, Buffer.alloc(4_096));
      fsyncSync(file);
      return performance.now() - startMs;
    });
    return median(durationsMs);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function revision(): string {
  const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', 'server', 'persistence') !== '';
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`;
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function versionOfWs(): string {
  const lock = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly dependencies: { readonly ws: string } };
  return lock.dependencies.ws;
}
