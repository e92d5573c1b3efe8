import type { FindingCode } from '../../server/doctor/finding.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import type { TargetOptions } from '../../server/doctor/target.ts';
import type { Owner } from '../support/owner.ts';
import type { Quire } from '../support/quire.ts';

/** The URL and the options for the doctor. */
export interface Planted extends TargetOptions {
  readonly url: string;
  readonly deps?: Partial<DoctorDeps>;
}

/** A fault that a test plants in a real peer, and the finding that the doctor must report. */
export interface Fault {
  readonly name: string;
  readonly expected: FindingCode;
  /** A pattern for the sentence, for faults where the code alone could be right by accident. */
  readonly says?: RegExp;
  /** `stepTimeoutMs` is how long the doctor waits for an answer. */
  plant(owner: Owner, quire: Quire, stepTimeoutMs: number): Promise<Planted>;
}
