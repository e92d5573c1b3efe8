import { Disposer } from '../../support/owner.ts';
import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { RoomLoad } from '../room-load.ts';
import { startTarget } from '../target.ts';
import type { TargetName } from '../target.ts';
import type { BenchSettings, Figure, Workload } from '../workload.ts';

interface Memory {
  readonly totalBytes: number;
  readonly bytesPerConnection: number;
}

/**
 * People who have a document open and do nothing. What a connection takes is what the second half of them adds: what a
 * process takes once (compiled code, a stretched heap, the arenas of its threads) is in the total alone.
 */
export const idle: Workload = {
  name: 'idle',
  describe: (settings) => `${connectionsOf(settings)} connections, a document each, after collecting garbage`,
  run: async (settings) => {
    const found: Record<TargetName, Memory[]> = { relay: [], quire: [] };
    for (let repetition = 0; repetition < settings.repetitions; repetition++) {
      for (const name of ['relay', 'quire'] as const) found[name].push(await measure(name, connectionsOf(settings)));
    }
    const figure = (name: string, unit: string, goal: Figure['goal'], of: (memory: Memory) => number): Figure => ({
      name,
      unit,
      relay: found.relay.map(of),
      quire: found.quire.map(of),
      goal: settings.quick ? null : goal,
    });
    return [
      figure(
        'per connection',
        'KB',
        { kind: 'ratio', most: 1.25 },
        ({ bytesPerConnection }) => bytesPerConnection / 1e3,
      ),
      figure('all of it', 'MB', null, ({ totalBytes }) => totalBytes / 1e6),
    ];
  },
};

function connectionsOf({ quick }: BenchSettings): number {
  return quick ? 50 : 3_000;
}

/** In a fresh process: memory that an earlier run has stretched does not shrink again. */
async function measure(name: TargetName, connections: number): Promise<Memory> {
  const disposer = new Disposer();
  try {
    const target = await startTarget(name, disposer, inspectorArgs);
    const inspector = await Inspector.attach(target.process);
    disposer.after(() => inspector.close());
    const open = async (prefix: string): Promise<void> => {
      for (let index = 0; index < connections / 2; index++) {
        const room = await RoomLoad.open(target, `${prefix}-${index}`, { writers: 0, readers: 1 }, 1);
        disposer.after(() => room.close());
      }
    };
    await open('first');
    await inspector.heap();
    const before = target.process.usage().pssBytes;
    await open('second');
    await inspector.heap();
    const totalBytes = target.process.usage().pssBytes;
    return { totalBytes, bytesPerConnection: (totalBytes - before) / (connections / 2) };
  } finally {
    await disposer.dispose();
  }
}
