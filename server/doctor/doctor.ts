import type { DoctorDeps, Examination, Measurement, Stage } from './examination.ts';
import type { Finding } from './finding.ts';
import { idleStage } from './idle-stage.ts';
import { latencyStage } from './latency-stage.ts';
import { nameStage } from './name-stage.ts';
import { sizeStage } from './size-stage.ts';
import { syncStage } from './sync-stage.ts';
import type { StageName } from './diagnosis.ts';
import type { Target } from './target.ts';
import { tcpStage } from './tcp-stage.ts';
import { tlsStage } from './tls-stage.ts';
import { upgradeStage } from './upgrade-stage.ts';

const stages = {
  name: nameStage,
  tcp: tcpStage,
  tls: tlsStage,
  upgrade: upgradeStage,
  sync: syncStage,
  latency: latencyStage,
  size: sizeStage,
  idle: idleStage,
} as const satisfies Partial<Record<StageName, Stage>>;

export type NetworkStageName = keyof typeof stages;

export interface Diagnosed {
  readonly findings: readonly Finding[];
  readonly measurements: readonly Measurement[];
}

/**
 * Goes through a connection as a client would, up to `last`, and stops at the first error: what comes after it would only be its
 * consequence. Never changes the document of the URL.
 */
export async function examine(target: Target, deps: DoctorDeps, last: NetworkStageName = 'idle'): Promise<Diagnosed> {
  const examination: Examination = {
    target,
    deps,
    measurements: [],
    addresses: [],
    address: null,
    probes: false,
    scratch: null,
  };
  const findings: Finding[] = [];
  for (const [name, stage] of Object.entries(stages)) {
    findings.push(...(await stage(examination)));
    if (name === last || findings.some(({ severity }) => severity === 'error')) break;
  }
  return { findings, measurements: examination.measurements };
}
