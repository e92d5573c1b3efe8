/**
 * The steps of a connection, in their order. `local` is for the machine of the server, `doctor` for a fault of the doctor
 * itself.
 */
export type StageName = 'local' | 'name' | 'tcp' | 'tls' | 'upgrade' | 'sync' | 'latency' | 'size' | 'idle' | 'doctor';

/** What the tables say of a cause. Words in braces are filled in. */
export interface Diagnosis {
  readonly stage: StageName;
  /** A warning does not stop people from working, yet. */
  readonly severity: 'error' | 'warning';
  /** What is wrong. */
  readonly sentence: string;
  /** What to do about it. */
  readonly advice: string;
}
