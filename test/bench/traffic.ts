import type { RoomLoad, RoomShape } from './room-load.ts';
import { RoomLoad as Load } from './room-load.ts';
import type { Target } from './target.ts';
import type { TrafficRun } from './workload.ts';

export interface Traffic {
  readonly rooms: number;
  readonly shape: RoomShape;
  readonly per: 'delivery' | 'edit';
  /** Sends all there is to send; resolves when the last was sent. */
  drive(rooms: readonly RoomLoad[]): Promise<void>;
}

/** Opens the rooms, drives them, waits for the last delivery; the server's time counts from the first to the last. */
export async function playTraffic(target: Target, prefix: string, traffic: Traffic): Promise<TrafficRun> {
  const rooms: RoomLoad[] = [];
  try {
    for (let index = 0; index < traffic.rooms; index++) {
      rooms.push(await Load.open(target, `${prefix}-${index}`, traffic.shape, 1 + index * traffic.shape.writers));
    }
    const { cpuMicros } = target.process.usage();
    const startMs = performance.now();
    await traffic.drive(rooms);
    await Promise.all(rooms.map((room) => room.complete()));
    return {
      serverCpuMicros: target.process.usage().cpuMicros - cpuMicros,
      durationMs: performance.now() - startMs,
      units: rooms.reduce((sum, room) => sum + (traffic.per === 'edit' ? room.sent : room.deliveries), 0),
      latenciesMs: rooms.flatMap((room) => room.latenciesMs),
    };
  } finally {
    for (const room of rooms) room.close();
  }
}
