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

/** People who have a document open and do nothing. */
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
      figure('memory', 'MB', { kind: 'ratio', most: 1.25 }, ({ totalBytes }) => totalBytes / 1e6),
      figure('per connection', 'KB', null, ({ bytesPerConnection }) => bytesPerConnection / 1e3),
    ];
  },
};

function connectionsOf({ quick }: BenchSettings): number {
  return quick ? 50 : 1_500;
}

/** In a fresh process: memory that an earlier run has stretched does not shrink again. */
async function measure(name: TargetName, connections: number): Promise<Memory> {
  const disposer = new Disposer();
  try {
    const target = await startTarget(name, disposer, inspectorArgs);
    const inspector = await Inspector.attach(target.process);
    disposer.after(() => inspector.close());
    await inspector.heap();
    const before = target.process.usage().pssBytes;
    for (let index = 0; index < connections; index++) {
      const room = await RoomLoad.open(target, `idle-${index}`, { writers: 0, readers: 1 }, 1);
      disposer.after(() => room.close());
    }
    await inspector.heap();
    const totalBytes = target.process.usage().pssBytes;
    return { totalBytes, bytesPerConnection: (totalBytes - before) / connections };
  } finally {
    await disposer.dispose();
  }
}
