import { limitReached } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';
import { Tally } from '../limits/tally.ts';
import type { Tallied } from '../limits/tally.ts';
import { KeyedBuckets, TokenBucket } from '../limits/token-bucket.ts';
import type { BucketSize } from '../limits/token-bucket.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';

export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly connectRate: BucketSize;
  readonly connectRatePerAddress: BucketSize;
  /** In milliseconds. */
  readonly refusedWorkPerAddress: BucketSize;
}

/** Longer no upgrade is held back: well within what a session may take to become live. */
const maxHeldMs = 4_000;

export interface AdmissionDeps {
  readonly limits: AdmissionLimits;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/**
 * How many may connect, in all and by address. A `addressKey` is whom limits take for one address; null is limited in all only.
 * Who is over the limit of its address takes nothing of what all share.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #handshakes: Rate;
  readonly #upgrades: Rate;
  readonly #open = new Tally();
  /** What may be spent on what is refused, in milliseconds. */
  readonly #refusedWork: KeyedBuckets;
  #openCount = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#handshakes = new Rate(deps.limits, deps.now());
    this.#upgrades = new Rate(deps.limits, deps.now());
    this.#refusedWork = new KeyedBuckets(deps.limits.refusedWorkPerAddress);
  }

  /** Open connections. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Whether a TLS handshake may begin; counts it if not. Nobody can be told why: there is no HTTP yet. */
  allowsHandshake(addressKey: string | null): boolean {
    const refused = this.#handshakes.take(addressKey, this.#deps.now());
    if (refused !== null) increment(this.#deps.stats.limitsReached, refused.limit);
    return refused === null;
  }

  /** Counts an attempt to upgrade. Throws RefusedError if there are too many. */
  attempt(addressKey: string | null): void {
    const refused = this.#upgrades.take(addressKey, this.#deps.now());
    if (refused !== null) throw limitReached(refused.limit, { retryAfterMs: refused.waitMs });
  }

  /** Counts work on what was refused, in milliseconds; `tallied` is whose it was. */
  wasted(tallied: Tallied | null, workMs: number): void {
    if (tallied === null) return;
    const nowMs = this.#deps.now();
    this.#refusedWork.of(tallied.key, nowMs).spend(workMs, nowMs);
  }

  /**
   * How long to hold back an upgrade, in milliseconds: nothing, unless this address owes for what was refused. Those who are
   * held back go on one by one. Throws RefusedError if it would take too long.
   */
  heldMs(addressKey: string | null): number {
    if (addressKey === null) return 0;
    const nowMs = this.#deps.now();
    const bucket = this.#refusedWork.of(addressKey, nowMs);
    if (bucket.waitMs(0, nowMs) === 0) return 0;
    const heldMs = bucket.reserve(nowMs, maxHeldMs);
    if (heldMs === null) throw limitReached('refused-work-per-address', { retryAfterMs: bucket.waitMs(1, nowMs) });
    increment(this.#deps.stats.limitsReached, 'refused-work-per-address');
    return heldMs;
  }

  /** Throws RefusedError if there is no place for one more connection. */
  check(addressKey: string | null): void {
    const { maxConnections, maxConnectionsPerAddress } = this.#deps.limits;
    if (this.#openCount >= maxConnections) throw limitReached('connections');
    if (addressKey !== null && this.#open.countOf(addressKey) >= maxConnectionsPerAddress) {
      throw limitReached('connections-per-address');
    }
  }

  /** A connection is open. What this returns is to be given to `leave` once. */
  enter(addressKey: string | null): Tallied | null {
    this.#openCount++;
    return addressKey === null ? null : this.#open.enter(addressKey);
  }

  leave(tallied: Tallied | null): void {
    this.#openCount--;
    if (tallied !== null) this.#open.leave(tallied);
  }
}

/** Something that costs the same for everybody, in all and by address. */
class Rate {
  readonly #all: TokenBucket;
  readonly #byAddress: KeyedBuckets;

  constructor({ connectRate, connectRatePerAddress }: AdmissionLimits, nowMs: number) {
    this.#all = new TokenBucket(connectRate, nowMs);
    this.#byAddress = new KeyedBuckets(connectRatePerAddress);
  }

  /** Takes one token of each; if one is missing, tells which, and when it will be there. */
  take(addressKey: string | null, nowMs: number): { readonly limit: LimitName; readonly waitMs: number } | null {
    const own = addressKey === null ? null : this.#byAddress.of(addressKey, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'connect-rate-per-address', waitMs: ownMs };
    const waitMs = this.#all.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'connect-rate', waitMs };
    own?.spend(1, nowMs);
    this.#all.spend(1, nowMs);
    return null;
  }
}
