import { fileURLToPath } from 'node:url';
import { ServerProcess } from './server-process.ts';
import type { Owner } from './owner.ts';

/** The bench's relay as a process of its own. */
export interface Relay {
  readonly process: ServerProcess;
  /** Address up to and including `/sync`, like Quire's. */
  readonly url: string;
}

export async function startRelay(owner: Owner, nodeArgs: readonly string[] = []): Promise<Relay> {
  const script = fileURLToPath(new URL('../bench/floors/relay.js', import.meta.url));
  const process = new ServerProcess({ script, nodeArgs });
  owner.after(() => process.kill());
  const port = await process.find((line) => /^relay listening on (\d+)$/.exec(line)?.[1], 'the relay listens');
  return { process, url: `ws://127.0.0.1:${port}/sync` };
}
