import type { Socket } from 'node:net';
import type { Finding } from './finding.ts';
import type { Target } from './target.ts';
import { visibleText } from './visible-text.ts';

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

/** How the token reaches the server: in the subprotocol, which stays out of access logs, or as `?token=`. */
export type TokenWay = 'protocol' | 'query';

/** What the stages know of the case so far; each adds what the next ones need. */
export interface Examination {
  readonly target: Target;
  readonly deps: DoctorDeps;
  readonly measurements: Measurement[];
  /** Every socket that the examination has opened, to be closed when it ends. */
  readonly sockets: Set<Socket>;
  /** No socket is opened any more. */
  ended: boolean;
  addresses: readonly HostAddress[];
  /** Those that answered; set by the TCP stage. */
  answering: readonly HostAddress[];
  /** The first of them. */
  address: HostAddress | null;
  /** Null if no token is sent; set by the upgrade stage. */
  tokenWay: TokenWay | null;
  /** Where names of documents begin in the path, `/sync/`; null if it is not known. Set by the upgrade stage. */
  folder: string | null;
  /** Whether the server answers the saved probe; set by the sync stage. */
  probes: boolean;
  /** A document that may be written; set by the sync stage. */
  scratch: string | null;
}

export function newExamination(target: Target, deps: DoctorDeps): Examination {
  return {
    target,
    deps,
    measurements: [],
    sockets: new Set(),
    ended: false,
    addresses: [],
    answering: [],
    address: null,
    tokenWay: null,
    folder: target.folder,
    probes: false,
    scratch: null,
  };
}

/** Looks at one step. An error among the findings ends the examination. */
export type Stage = (examination: Examination) => Promise<readonly Finding[]>;

/** Adds a fact to the report. */
export function measured({ measurements }: Examination, name: string, value: string): void {
  measurements.push({ name: visibleText(name), value: visibleText(value) });
}

/** The smallest value that a fraction of all values does not exceed; 0 if there is none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? 0;
}
