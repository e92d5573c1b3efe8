import { fileURLToPath } from 'node:url';
import { ServerProcess } from './server-process.ts';
import type { Owner } from './owner.ts';

/** The relay of the benchmark as a process of its own. */
export interface Relay {
  readonly process: ServerProcess;
  /** The address up to and including `/sync`, as with Quire. */
  readonly url: string;
}

export async function startRelay(owner: Owner, nodeArgs: readonly string[] = []): Promise<Relay> {
  const script = fileURLToPath(new URL('../bench/floors/relay.js', import.meta.url));
  const process = new ServerProcess({ script, nodeArgs });
  owner.after(() => process.kill());
  const port = await process.find((line) => /^relay listening on (\d+)$/.exec(line)?.[1], 'the relay listens');
  return { process, url: `ws://127.0.0.1:${port}/sync` };
}
