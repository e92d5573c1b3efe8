import { doctorFindings } from './doctor-findings.ts';
import { localFindings } from './local-findings.ts';
import { reachFindings } from './reach-findings.ts';
import { syncFindings } from './sync-findings.ts';
import { tlsFindings } from './tls-findings.ts';
import { upgradeFindings } from './upgrade-findings.ts';
import { maxPeerText, visibleText } from './visible-text.ts';

/**
 * The stages of an examination, in order. `local` examines the machine of the server. `doctor` is for faults of the
 * doctor itself.
 */
export type StageName = 'local' | 'name' | 'tcp' | 'tls' | 'upgrade' | 'sync' | 'latency' | 'size' | 'idle' | 'doctor';

/** One entry of the tables. `{word}` is replaced by a fact of the case. */
export interface Diagnosis {
  readonly stage: StageName;
  /** A warning means that users can still work. */
  readonly severity: 'error' | 'warning';
  /** The problem. */
  readonly sentence: string;
  /** The remedy. */
  readonly advice: string;
}

/** All problems that the doctor can find. Each cause has its own sentence. */
export const diagnoses = {
  ...reachFindings,
  ...tlsFindings,
  ...upgradeFindings,
  ...syncFindings,
  ...localFindings,
  ...doctorFindings,
} satisfies Readonly<Record<string, Diagnosis>>;

/** Stable, because scripts may compare it. */
export type FindingCode = keyof typeof diagnoses;

export interface Finding extends Diagnosis {
  readonly code: FindingCode;
}

/** The exit status of the command for an error in this stage. (2 means wrong usage.) */
export const exitStatus: Readonly<Record<StageName, number>> = {
  doctor: 1,
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

/**
 * A finding with the facts of this case. Facts may come from a hostile peer, so terminal control characters are
 * replaced.
 */
export function finding(code: FindingCode, facts: Readonly<Record<string, string | number>> = {}): Finding {
  const diagnosis: Diagnosis = diagnoses[code];
  // Paths of this machine may be long, and must not be cut.
  const maxLength = diagnosis.stage === 'local' ? Infinity : maxPeerText;
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (braces, name: string) => visibleText(String(facts[name] ?? braces), maxLength));
  return { ...diagnosis, code, sentence: fill(diagnosis.sentence), advice: fill(diagnosis.advice) };
}

/** The same finding with a note before its sentence: when or where it is true. */
export function noted(note: string, original: Finding): Finding {
  return { ...original, sentence: `${note}: ${original.sentence}` };
}
