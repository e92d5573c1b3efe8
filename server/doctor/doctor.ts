import { inTime, SilenceError } from './deadline.ts';
import { newExamination } from './examination.ts';
import type { DoctorDeps, Examination, Measurement, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding, StageName } from './finding.ts';
import { idleStage } from './idle-stage.ts';
import { latencyStage } from './latency-stage.ts';
import { nameStage } from './name-stage.ts';
import { sizeStage } from './size-stage.ts';
import { syncStage } from './sync-stage.ts';
import type { Target } from './target.ts';
import { tcpStage } from './tcp-stage.ts';
import { tlsStage } from './tls-stage.ts';
import { upgradeStage } from './upgrade-stage.ts';

/** A stage, and how many steps it may take. A step is the longest wait for one answer. */
interface TimedStage {
  readonly run: Stage;
  readonly steps: number;
}

const stages = {
  name: { run: nameStage, steps: 2 },
  tcp: { run: tcpStage, steps: 1 },
  tls: { run: tlsStage, steps: 2 },
  upgrade: { run: upgradeStage, steps: 4 },
  sync: { run: syncStage, steps: 6 },
  latency: { run: latencyStage, steps: 3 },
  size: { run: sizeStage, steps: 4 },
  idle: { run: idleStage, steps: 4 },
} as const satisfies Partial<Record<StageName, TimedStage>>;

type NetworkStageName = keyof typeof stages;

export interface Diagnosed {
  readonly findings: readonly Finding[];
  readonly measurements: readonly Measurement[];
}

/** The longest time that an examination takes, in milliseconds. */
export function maxDurationMs(deps: Pick<DoctorDeps, 'stepTimeoutMs' | 'idleMs'>): number {
  return (Object.keys(stages) as NetworkStageName[]).reduce((sum, name) => sum + budgetMs(name, deps), 0);
}

function budgetMs(
  name: NetworkStageName,
  { stepTimeoutMs, idleMs }: Pick<DoctorDeps, 'stepTimeoutMs' | 'idleMs'>,
): number {
  if (name === 'idle') return idleMs === null ? 0 : idleMs + stages.idle.steps * stepTimeoutMs;
  return stages[name].steps * stepTimeoutMs;
}

/**
 * Opens a connection as a client would, stage by stage up to `last`. Stops after the first stage with an error, because
 * the following stages would only repeat it. Never changes the document of the URL, never rejects, and ends within
 * `maxDurationMs`.
 */
export async function examine(target: Target, deps: DoctorDeps, last: NetworkStageName = 'idle'): Promise<Diagnosed> {
  const examination = newExamination(target, deps);
  const findings: Finding[] = [];
  for (const name of Object.keys(stages) as NetworkStageName[]) {
    if (name === 'idle' && deps.idleMs === null) break;
    findings.push(...(await runStage(name, stages[name].run, examination, budgetMs(name, deps))));
    if (name === last || findings.some(({ severity }) => severity === 'error')) break;
  }
  // A stage that exceeded its time is still running, and must not connect any more.
  examination.ended = true;
  for (const socket of examination.sockets) socket.destroy();
  return { findings, measurements: examination.measurements };
}

/** Runs a stage. An exception becomes a finding. So does a stage that takes longer than `limitMs`. */
export async function runStage(
  at: StageName,
  stage: Stage,
  examination: Examination,
  limitMs: number,
): Promise<readonly Finding[]> {
  try {
    return await inTime(limitMs, stage(examination));
  } catch (error) {
    if (error instanceof SilenceError) {
      return [{ ...finding('doctor-out-of-time', { at, seconds: limitMs / 1000 }), stage: at }];
    }
    return [finding('doctor-failed', { at, reason: String(error) })];
  }
}
