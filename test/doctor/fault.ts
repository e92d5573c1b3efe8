import type { FindingCode } from '../../server/doctor/finding.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import type { TargetOptions } from '../../server/doctor/target.ts';
import type { Owner } from '../support/owner.ts';
import type { Quire } from '../support/quire.ts';

/** Where the doctor is sent, and with what. */
export interface Planted extends TargetOptions {
  readonly url: string;
  readonly deps?: Partial<DoctorDeps>;
}

/** A fault that a test plants in a real peer, and what the doctor must say of it. */
export interface Fault {
  readonly name: string;
  readonly expected: FindingCode;
  /** What the sentence must say of this case, where the code alone could be right by accident. */
  readonly says?: RegExp;
  /** `stepTimeoutMs` is how long the doctor waits for an answer. */
  plant(owner: Owner, quire: Quire, stepTimeoutMs: number): Promise<Planted>;
}
