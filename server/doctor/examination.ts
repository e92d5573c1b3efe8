import type { Finding } from './finding.ts';
import type { Target } from './target.ts';

/** One address of the host. */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface DoctorDeps {
  /** All addresses of a name. Rejects with an error whose code is that of node:dns. */
  lookup(host: string): Promise<readonly HostAddress[]>;
  /** In milliseconds since 1970. */
  now(): number;
  /** In milliseconds since any moment. */
  monotonicMs(): number;
  /** How long a single step may take before it counts as no answer. */
  readonly stepTimeoutMs: number;
  /** How long the connection stays silent, in milliseconds, if that is asked for. */
  readonly idleMs: number | null;
  /** In how much silence something must come from the server, or proxies end the connection, in milliseconds. */
  readonly proxyIdleMs: number;
}

/** A fact for the report, finding or not. */
export interface Measurement {
  readonly name: string;
  readonly value: string;
}

/** What the stages know of the case so far; each adds what the next ones need. */
export interface Examination {
  readonly target: Target;
  readonly deps: DoctorDeps;
  readonly measurements: Measurement[];
  addresses: readonly HostAddress[];
  /** The one that answered; set by the TCP stage. */
  address: HostAddress | null;
  /** Whether the server answers the saved probe; set by the sync stage. */
  probes: boolean;
  /** A document that may be written; set by the sync stage. */
  scratch: string | null;
}

/** Looks at one step. An error among the findings ends the examination. */
export type Stage = (examination: Examination) => Promise<readonly Finding[]>;

export function measured(examination: Examination, name: string, value: string): void {
  examination.measurements.push({ name, value });
}
