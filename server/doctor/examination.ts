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
  /** All addresses of a name. Rejects with an error that has a code of node:dns. */
  lookup(host: string): Promise<readonly HostAddress[]>;
  /** In milliseconds since 1970. */
  now(): number;
  /** A monotonic clock, in milliseconds. */
  monotonicMs(): number;
  /** How long to wait for one answer, in milliseconds. */
  readonly stepTimeoutMs: number;
  /** How long the connection stays silent in the idle stage, in milliseconds. Null skips the stage. */
  readonly idleMs: number | null;
  /** The idle timeout of common proxies, in milliseconds: the server must send something before it. */
  readonly proxyIdleMs: number;
}

/** A fact for the report, not necessarily a problem. */
export interface Measurement {
  readonly name: string;
  readonly value: string;
}

/** How the token is sent: as a subprotocol, which stays out of access logs, or as `?token=`. */
type TokenWay = 'protocol' | 'query';

/** The state of an examination. Each stage adds facts that later stages need. */
export interface Examination {
  readonly target: Target;
  readonly deps: DoctorDeps;
  readonly measurements: Measurement[];
  /** The open sockets of the examination. They are closed when it ends. */
  readonly sockets: Set<Socket>;
  /** Set at the end: no socket may be opened any more. */
  ended: boolean;
  addresses: readonly HostAddress[];
  /** The addresses that accepted a connection. Set by the TCP stage. */
  answering: readonly HostAddress[];
  /** The first of the answering addresses. */
  address: HostAddress | null;
  /** Null if no token is sent. Set by the upgrade stage. */
  tokenWay: TokenWay | null;
  /** The path before the names of documents, such as `/sync/`. Null if it is unknown. Set by the upgrade stage. */
  folder: string | null;
  /** Whether the server answers the saved probe. Set by the sync stage. */
  probes: boolean;
  /** The name of a document that this client may write. Set by the sync stage. */
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

/** One stage of the examination. A finding with severity `error` ends the examination. */
export type Stage = (examination: Examination) => Promise<readonly Finding[]>;

/** Adds a fact to the report. */
export function measured({ measurements }: Examination, name: string, value: string): void {
  measurements.push({ name: visibleText(name), value: visibleText(value) });
}

/** The smallest value that is not exceeded by this fraction of all values; 0 if there are no values. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? 0;
}
