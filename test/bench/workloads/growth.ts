import { TextWriter } from '../../support/text-writer.ts';
import { Arrival } from '../clients/arrival.ts';
import { LoadClient } from '../clients/load-client.ts';
import { stateVectorOf } from '../clients/state-vector.ts';
import { compare } from '../compare.ts';
import { absolute } from '../goals.ts';
import { pace } from '../pace.ts';
import { orClosed } from '../paper.ts';
import { RoomLoad } from '../room-load.ts';
import type { RoomShape } from '../room-load.ts';
import type { Target } from '../servers/target.ts';
import type { BenchSettings, Outcome, Workload } from '../workload.ts';

/** The ratio that still counts as flat. Processor caches and ticks of 10 ms make a difference. */
const flat = 1.3;
const editsPerS = 500;
const largestUpdate = 1_000_000;

interface Size {
  readonly name: string;
  readonly size: number;
}

/** CPU time per unit of work, for each size. */
type Run = ReadonlyMap<number, number>;

/** The cost of an edit in documents of different sizes. */
export const documentGrowth: Workload = {
  name: 'document-growth',
  describe: ({ quick }) => `2 clients, ${editsPerS} edits/s, in documents of 10 KB to ${quick ? '100 KB' : '20 MB'}`,
  run: (settings) => {
    const sizes = (settings.quick ? [10, 100] : [10, 1_000, 20_000]).map((kb) => ({
      name: `${kb} KB`,
      size: kb * 1e3,
    }));
    return measureGrowth(settings, 'edit', sizes, async (target, bytes, prefix) => {
      const room = `${prefix}-${bytes}`;
      const stateVector = await fill(target, room, bytes);
      return [await RoomLoad.open(target, room, { writers: 1, readers: 1, stateVector }, 1_000)];
    });
  },
};

/** The cost of an edit with different numbers of open documents, at the same total rate of edits. */
export const roomGrowth: Workload = {
  name: 'room-growth',
  describe: ({ quick }) => `${editsPerS} edits/s spread over 10 to ${quick ? 100 : '10,000'} documents`,
  run: (settings) => {
    const sizes = (settings.quick ? [10, 100] : [10, 1_000, 10_000]).map((size) => ({ name: `${size} rooms`, size }));
    return measureGrowth(settings, 'edit', sizes, (target, rooms, prefix) =>
      open(target, rooms, `${prefix}-${rooms}`, { writers: 1, readers: 0 }),
    );
  },
};

/**
 * The cost of a delivery with different numbers of clients in a document. If it is flat, an edit costs in proportion to
 * them.
 */
export const peerGrowth: Workload = {
  name: 'peer-growth',
  describe: ({ quick }) => `one document, 2 writers at 10 edits/s each, 2 to ${quick ? 50 : '1,000'} clients`,
  run: (settings) => {
    const sizes = (settings.quick ? [2, 50] : [2, 100, 1_000]).map((size) => ({ name: `${size} clients`, size }));
    return measureGrowth(settings, 'delivery', sizes, (target, peers, prefix) =>
      open(target, 1, `${prefix}-${peers}`, { writers: 2, readers: peers - 2 }),
    );
  },
};

function measureGrowth(
  settings: BenchSettings,
  per: 'edit' | 'delivery',
  sizes: readonly Size[],
  prepare: (target: Target, size: number, prefix: string) => Promise<readonly RoomLoad[]>,
): Promise<Outcome> {
  // An edit has a fixed cost, which matters with two clients and hardly with a hundred.
  const base = per === 'edit' ? sizes[0] : sizes.at(-2);
  const last = sizes.at(-1);
  return compare<Run>(settings, {
    measures: [
      ...sizes.map(({ name, size }) => ({
        name: `CPU per ${per}, ${name}`,
        unit: 'us',
        of: (run: Run) => run.get(size) ?? null,
      })),
      {
        name: `${last?.name} / ${base?.name}`,
        unit: 'times',
        goals: [absolute(flat)],
        of: (run) => (run.get(last?.size ?? 0) ?? NaN) / (run.get(base?.size ?? 0) ?? NaN),
      },
    ],
    suits: ({ kind, name }) => kind === 'ours' && name !== 'quire-write',
    play: async (target, { prefix, isWarmUp }) => {
      const run = new Map<number, number>();
      for (const { size } of sizes) {
        const rooms = await prepare(target, size, prefix);
        try {
          await target.settles();
          const before = target.cpuMicros();
          const writers = rooms.flatMap((room) => room.writers.map((writer) => () => room.type(writer)));
          const ratePerS = per === 'edit' ? editsPerS / writers.length : 10;
          await pace(writers, ratePerS, settings.quick ? 400 : isWarmUp ? 1_000 : 5_000);
          await Promise.all(rooms.map((room) => room.complete()));
          const units = rooms.reduce((sum, room) => sum + (per === 'edit' ? room.sent : room.deliveries), 0);
          run.set(size, (target.cpuMicros() - before) / units);
        } finally {
          for (const room of rooms) room.close();
        }
      }
      return run;
    },
  });
}

async function open(target: Target, count: number, prefix: string, shape: RoomShape): Promise<readonly RoomLoad[]> {
  const rooms: RoomLoad[] = [];
  for (let index = 0; index < count; index++) {
    rooms.push(await RoomLoad.open(target, `${prefix}-${index}`, shape, 1 + index * shape.writers));
  }
  return rooms;
}

/** Fills a document with this much text in large items. Resolves with its state vector. */
async function fill(target: Target, room: string, bytes: number): Promise<Uint8Array> {
  const writer = new TextWriter(7);
  const arrival = new Arrival(writer.client, bytes);
  const client = await LoadClient.open(target, room, { onUpdate: (update) => arrival.take(update) });
  while (writer.clock < bytes) {
    const items = Array.from({ length: Math.min(largestUpdate, bytes - writer.clock) / 100 }, () => 'x'.repeat(100));
    client.edit(writer.typeItems(items));
  }
  await orClosed(client, arrival.complete());
  client.terminate();
  return stateVectorOf(writer.client, bytes);
}
