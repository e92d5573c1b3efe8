import type { Diagnosis, StageName } from './diagnosis.ts';
import { localFindings } from './local-findings.ts';
import { reachFindings } from './reach-findings.ts';
import { syncFindings } from './sync-findings.ts';
import { tlsFindings } from './tls-findings.ts';
import { upgradeFindings } from './upgrade-findings.ts';

/** Everything that the doctor can find: no two causes say the same. */
export const diagnoses = {
  ...reachFindings,
  ...tlsFindings,
  ...upgradeFindings,
  ...syncFindings,
  ...localFindings,
} satisfies Readonly<Record<string, Diagnosis>>;

/** Stable: scripts may ask for it. */
export type FindingCode = keyof typeof diagnoses;

export interface Finding extends Diagnosis {
  readonly code: FindingCode;
}

/** The exit status of the command: that of the first error. 1 is a fault of ours, 2 a wrong call. */
export const exitStatus: Readonly<Record<StageName, number>> = {
  name: 10,
  tcp: 11,
  tls: 12,
  upgrade: 13,
  sync: 14,
  latency: 15,
  size: 16,
  idle: 17,
  local: 20,
};

/** A finding with the facts of this case. */
export function finding(code: FindingCode, facts: Readonly<Record<string, string | number>> = {}): Finding {
  const diagnosis: Diagnosis = diagnoses[code];
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (braces, name: string) => String(facts[name] ?? braces));
  return { ...diagnosis, code, sentence: fill(diagnosis.sentence), advice: fill(diagnosis.advice) };
}
