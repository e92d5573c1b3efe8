import { compare } from './compare.ts';
import type { Measure, Round } from './compare.ts';
import { RoomLoad } from './room-load.ts';
import type { RoomShape } from './room-load.ts';
import type { Target } from './servers/target.ts';
import { quantile } from './statistics.ts';
import { typeByEcho } from './type-by-echo.ts';
import type { BenchSettings, Goal, Outcome } from './workload.ts';

export interface Traffic {
  readonly rooms: number;
  readonly shape: RoomShape;
  /** The unit that the CPU time is divided by. */
  readonly per: 'delivery' | 'edit';
  readonly tls?: boolean;
  /** Sends the edits of the workload. Resolves when the last one was sent. */
  drive(rooms: readonly RoomLoad[]): Promise<void>;
}

export interface TrafficGoals {
  readonly cpu?: readonly Goal[];
  readonly p50?: readonly Goal[];
  readonly p99?: readonly Goal[];
}

/** The measurements of one repetition. */
export interface TrafficRun {
  readonly serverCpuMicros: number;
  /** The number of edits or deliveries that the CPU time is divided by. */
  readonly units: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly durationMs: number;
}

const warmUpEdits = 5_000;
const warmUpWindowEdits = 10;

export function compareTraffic(settings: BenchSettings, traffic: Traffic, goals: TrafficGoals): Promise<Outcome> {
  return compare(settings, {
    measures: trafficMeasures(traffic.per, goals),
    start: { tls: traffic.tls ?? false },
    play: (target, round) => playTraffic(target, round, traffic),
  });
}

export function trafficMeasures(per: Traffic['per'], { cpu, p50, p99 }: TrafficGoals): Measure<TrafficRun>[] {
  return [
    { name: `CPU per ${per}`, unit: 'us', goals: cpu ?? [], of: (run) => run.serverCpuMicros / run.units },
    { name: 'latency p50', unit: 'ms', goals: p50 ?? [], of: (run) => run.p50Ms },
    { name: 'latency p99', unit: 'ms', goals: p99 ?? [], of: (run) => run.p99Ms },
    {
      name: 'rate',
      unit: per === 'edit' ? 'edits/s' : 'deliveries/s',
      better: 'more',
      of: (run) => (run.units / run.durationMs) * 1000,
    },
  ];
}

/**
 * Opens the rooms, drives them, and waits for the last delivery. The server's CPU time counts from the first edit to
 * the last delivery.
 */
export async function playTraffic(target: Target, { prefix, isWarmUp }: Round, traffic: Traffic): Promise<TrafficRun> {
  const rooms: RoomLoad[] = [];
  try {
    for (let index = 0; index < traffic.rooms; index++) {
      const firstClient = 1 + index * traffic.shape.writers;
      rooms.push(await RoomLoad.open(target, `${prefix}-${index}`, traffic.shape, firstClient));
    }
    await target.settles();
    const before = target.cpuMicros();
    const startMs = performance.now();
    if (isWarmUp) await warmUp(rooms);
    await traffic.drive(rooms);
    await Promise.all(rooms.map((room) => room.complete()));
    const latenciesMs = rooms.flatMap((room) => room.latenciesMs);
    return {
      serverCpuMicros: target.cpuMicros() - before,
      durationMs: performance.now() - startMs,
      units: rooms.reduce((sum, room) => sum + (traffic.per === 'edit' ? room.sent : room.deliveries), 0),
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
    };
  } finally {
    for (const room of rooms) room.close();
  }
}

/** Enough edits for V8 to compile the hot code. At the pace of the workload this would take minutes. */
async function warmUp(rooms: readonly RoomLoad[]): Promise<void> {
  const writers = rooms.reduce((sum, room) => sum + room.writers.length, 0);
  await Promise.all(rooms.map((room) => typeByEcho(room, Math.ceil(warmUpEdits / writers), warmUpWindowEdits)));
  await Promise.all(rooms.map((room) => room.complete()));
}
