import { KeyedBuckets } from '../keyed-buckets.ts';
import { limitReached } from '../limits.ts';
import type { LimitName } from '../limits.ts';
import { Tally } from '../tally.ts';
import type { Tallied } from '../tally.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { BucketSize } from '../token-bucket.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';

export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly connectRate: BucketSize;
  readonly connectRatePerAddress: BucketSize;
}

export interface AdmissionDeps {
  readonly limits: AdmissionLimits;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/**
 * How many may connect, in all and by address. A `block` is whom limits take for one address; null is limited in all only.
 * Who is over the limit of its address takes nothing of what all share.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #handshakes: Rate;
  readonly #upgrades: Rate;
  readonly #open = new Tally();
  #openCount = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#handshakes = new Rate(deps.limits, deps.now());
    this.#upgrades = new Rate(deps.limits, deps.now());
  }

  /** Open connections. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Whether a TLS handshake may begin; counts it if not. Nobody can be told why: there is no HTTP yet. */
  allowsHandshake(block: string | null): boolean {
    const refused = this.#handshakes.take(block, this.#deps.now());
    if (refused !== null) increment(this.#deps.stats.limitsReached, refused.limit);
    return refused === null;
  }

  /** Counts an attempt to upgrade. Throws RefusedError if there are too many. */
  attempt(block: string | null): void {
    const refused = this.#upgrades.take(block, this.#deps.now());
    if (refused !== null) throw limitReached(refused.limit, refused.waitMs);
  }

  /** Throws RefusedError if there is no place for one more connection. */
  check(block: string | null): void {
    const { maxConnections, maxConnectionsPerAddress } = this.#deps.limits;
    if (this.#openCount >= maxConnections) throw limitReached('connections');
    if (block !== null && this.#open.countOf(block) >= maxConnectionsPerAddress) {
      throw limitReached('connections-per-address');
    }
  }

  /** A connection is open. What this returns is to be given to `leave` once. */
  enter(block: string | null): Tallied | null {
    this.#openCount++;
    return block === null ? null : this.#open.enter(block);
  }

  leave(tallied: Tallied | null): void {
    this.#openCount--;
    if (tallied !== null) this.#open.leave(tallied);
  }
}

/** Something that costs the same for everybody, in all and by address. */
class Rate {
  readonly #all: TokenBucket;
  readonly #byBlock: KeyedBuckets;

  constructor({ connectRate, connectRatePerAddress }: AdmissionLimits, nowMs: number) {
    this.#all = new TokenBucket(connectRate, nowMs);
    this.#byBlock = new KeyedBuckets(connectRatePerAddress);
  }

  /** Takes one token of each; if one is missing, tells which, and when it will be there. */
  take(block: string | null, nowMs: number): { readonly limit: LimitName; readonly waitMs: number } | null {
    const own = block === null ? null : this.#byBlock.of(block, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'connect-rate-per-address', waitMs: ownMs };
    const waitMs = this.#all.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'connect-rate', waitMs };
    own?.spend(1, nowMs);
    this.#all.spend(1, nowMs);
    return null;
  }
}
