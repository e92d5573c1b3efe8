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

/** The longest delay of an upgrade. Well below the time in which a session must become live. */
const maxHeldMs = 4_000;

export interface AdmissionDeps {
  readonly limits: AdmissionLimits;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/**
 * Limits connections, in total and per address. An address key of null counts in the total only. A client over its
 * per-address limit does not use up the shared limit.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #handshakes: Rate;
  readonly #upgrades: Rate;
  readonly #open = new Tally();
  /** The time that may be spent on refused input of an address, in milliseconds. */
  readonly #refusedWork: KeyedBuckets;
  #openCount = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#handshakes = new Rate(deps.limits, deps.now());
    this.#upgrades = new Rate(deps.limits, deps.now());
    this.#refusedWork = new KeyedBuckets(deps.limits.refusedWorkPerAddress);
  }

  /** Whether a TLS handshake may begin. Counts a refusal. The client gets no reason, because there is no HTTP yet. */
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

  /** Charges an address with the time spent on refused input, in milliseconds. `tallied` is a result of `enter`. */
  chargeRefusedWork(tallied: Tallied | null, workMs: number): void {
    if (tallied === null) return;
    const nowMs = this.#deps.now();
    this.#refusedWork.of(tallied.key, nowMs).spend(workMs, nowMs);
  }

  /**
   * How long to delay an upgrade, in milliseconds. 0, unless the address has used up its time for refused input.
   * Delayed upgrades of an address continue one by one. Throws RefusedError if the delay would be too long.
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

  /** Throws RefusedError if one more connection would exceed a limit. */
  check(addressKey: string | null): void {
    const { maxConnections, maxConnectionsPerAddress } = this.#deps.limits;
    if (this.#openCount >= maxConnections) throw limitReached('connections');
    if (addressKey !== null && this.#open.countOf(addressKey) >= maxConnectionsPerAddress) {
      throw limitReached('connections-per-address');
    }
  }

  /** Counts an open connection. Pass the result to `leave` once. */
  enter(addressKey: string | null): Tallied | null {
    this.#openCount++;
    return addressKey === null ? null : this.#open.enter(addressKey);
  }

  leave(tallied: Tallied | null): void {
    this.#openCount--;
    if (tallied !== null) this.#open.leave(tallied);
  }
}

/** A rate of events, in total and per address. */
class Rate {
  readonly #total: TokenBucket;
  readonly #byAddress: KeyedBuckets;

  constructor({ connectRate, connectRatePerAddress }: AdmissionLimits, nowMs: number) {
    this.#total = new TokenBucket(connectRate, nowMs);
    this.#byAddress = new KeyedBuckets(connectRatePerAddress);
  }

  /**
   * Takes one token of each bucket. If one is empty, takes none, and returns its limit and the time until its next
   * token.
   */
  take(addressKey: string | null, nowMs: number): { readonly limit: LimitName; readonly waitMs: number } | null {
    const own = addressKey === null ? null : this.#byAddress.of(addressKey, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'connect-rate-per-address', waitMs: ownMs };
    const waitMs = this.#total.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'connect-rate', waitMs };
    own?.spend(1, nowMs);
    this.#total.spend(1, nowMs);
    return null;
  }
}
