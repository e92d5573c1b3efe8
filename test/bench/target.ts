import { Quire } from '../support/quire.ts';
import { startRelay } from '../support/relay.ts';
import type { Owner } from '../support/owner.ts';
import type { ServerProcess } from '../support/server-process.ts';

export type TargetName = 'relay' | 'quire';

/** A server that is measured. */
export interface Target {
  readonly name: TargetName;
  readonly process: ServerProcess;
  /** Address up to and including `/sync`. */
  readonly url: string;
  /** Whether a client joins before it edits: the relay has nothing to join. */
  readonly joins: boolean;
}

/** Starts a server as a process of its own: Quire as it is by default (fsync), plain ws for both. */
export async function startTarget(name: TargetName, owner: Owner, nodeArgs: readonly string[] = []): Promise<Target> {
  if (name === 'relay') {
    const { process, url } = await startRelay(owner, nodeArgs);
    return { name, process, url, joins: false };
  }
  const { process, url } = await startQuire(owner, nodeArgs);
  return { name, process, url, joins: true };
}

export function startQuire(owner: Owner, nodeArgs: readonly string[] = []): Promise<Quire> {
  return Quire.start(owner, { tls: 'off', args: ['--log-level', 'warn'], nodeArgs });
}
