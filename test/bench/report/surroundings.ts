import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { peerVersions } from '../servers/peers.ts';
import { median } from '../statistics.ts';

/** The conditions of a measurement. */
export interface Surroundings {
  /** The day, in UTC. */
  readonly date: string;
  readonly machine: string;
  /** Median time of an fsync of 4 KB, in milliseconds. Quire waits for it, and the other servers do not. */
  readonly fsyncMs: number;
  /** The measured commit, followed by + if files have changed since. */
  readonly revision: string;
  /** Versions of Node and of the other servers, by name. */
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
