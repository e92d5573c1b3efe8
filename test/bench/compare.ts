import { Disposer } from '../support/owner.ts';
import { quantile } from './statistics.ts';
import { startTarget } from './target.ts';
import type { TargetName } from './target.ts';
import type { BenchSettings, Figure, Play, TrafficRun } from './workload.ts';

export interface TrafficGoals {
  /** What the CPU time is counted per. */
  readonly per: 'delivery' | 'edit';
  /** CPU time as a multiple of the relay's. */
  readonly cpuRatio: number | null;
  /** Median latency above the relay's, in milliseconds. */
  readonly medianAboveMs: number;
}

const names = ['relay', 'quire'] as const;

/**
 * Plays a workload on relay and Quire in turns, so that what else happens on the machine meets both alike. The first
 * round warms both up and is not counted.
 */
export async function compare(settings: BenchSettings, goals: TrafficGoals, play: Play): Promise<readonly Figure[]> {
  const disposer = new Disposer();
  const runs: Record<TargetName, TrafficRun[]> = { relay: [], quire: [] };
  try {
    const targets = await Promise.all(names.map((name) => startTarget(name, disposer)));
    const warmUp = settings.quick ? 0 : 1;
    for (let round = 0; round < settings.repetitions + warmUp; round++) {
      // Who goes first alternates: the second finds the load generator warmer.
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        const run = await play(target, `round-${round}`);
        if (round >= warmUp) runs[target.name].push(run);
      }
    }
  } finally {
    await disposer.dispose();
  }
  const figure = (name: string, unit: string, goal: Figure['goal'], of: (run: TrafficRun) => number): Figure => ({
    name,
    unit,
    relay: runs.relay.map(of),
    quire: runs.quire.map(of),
    goal: settings.quick ? null : goal,
  });
  return [
    figure(
      `CPU per ${goals.per}`,
      'us',
      goals.cpuRatio === null ? null : { kind: 'ratio', most: goals.cpuRatio },
      (run) => run.serverCpuMicros / run.units,
    ),
    figure('latency p50', 'ms', { kind: 'above', most: goals.medianAboveMs }, (run) => quantile(run.latenciesMs, 0.5)),
    figure('latency p99', 'ms', null, (run) => quantile(run.latenciesMs, 0.99)),
    figure(`${goals.per} rate`, '/s', null, (run) => (run.units / run.durationMs) * 1000),
  ];
}
