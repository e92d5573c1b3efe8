import type { IncomingMessage, RequestListener } from 'node:http';
import { httpStatus } from '../errors.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import { limitReached } from '../limits.ts';
import type { Logger } from '../logger.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { BucketSize } from '../token-bucket.ts';
import type { ClientAddresses } from './client-addresses.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';

export interface RequestRateDeps {
  readonly addresses: Pick<ClientAddresses, 'of' | 'blockOf'>;
  readonly ratePerAddress: BucketSize;
  /** Of all addresses together. */
  readonly rate: BucketSize;
  readonly logger: Logger;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/** Health checks and metrics. A load balancer that gets 429 would send no more clients here. */
const probe = /^\/(healthz|readyz|metrics)(\?|$)/;

/** A request and how long it has to wait, in milliseconds. */
interface Excess {
  readonly limit: 'request-rate' | 'request-rate-per-address';
  readonly waitMs: number;
}

/** The buckets of one kind of request. */
class Buckets {
  readonly perAddress: KeyedBuckets;
  readonly all: TokenBucket;

  constructor({ ratePerAddress, rate, now }: RequestRateDeps) {
    this.perAddress = new KeyedBuckets(ratePerAddress);
    this.all = new TokenBucket(rate, now());
  }
}

/** Limits plain HTTP requests, of one address and of all. Upgrades do not count. */
export class RequestRate {
  readonly #deps: RequestRateDeps;
  readonly #answer: RequestListener;
  readonly #requests: Buckets;
  readonly #probes: Buckets;

  /** `answer` gets the requests that are within the limits. */
  constructor(deps: RequestRateDeps, answer: RequestListener) {
    this.#deps = deps;
    this.#answer = answer;
    this.#requests = new Buckets(deps);
    this.#probes = new Buckets(deps);
  }

  /** The listener of `request`. */
  readonly handle: RequestListener = (request, response) => {
    const excess = this.#take(request);
    if (excess === null) {
      this.#answer(request, response);
      return;
    }
    const refusal = limitReached(excess.limit, excess.waitMs);
    const { code: error, message: reason, limit } = refusal;
    increment(this.#deps.stats.limitsReached, excess.limit);
    this.#deps.logger.info({ error, reason, limit }, 'request refused');
    // The body that may follow is not read.
    response.setHeader('Connection', 'close');
    response.setHeader('Retry-After', String(refusal.retryAfterSeconds));
    response.writeHead(httpStatus(error), { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ error, reason }));
  };

  /** Takes a token. A request over the limit of its address takes none of the shared ones. */
  #take(request: IncomingMessage): Excess | null {
    const { addresses, now } = this.#deps;
    const block = addresses.blockOf(addresses.of(request));
    const nowMs = now();
    const { perAddress, all } = probe.test(request.url ?? '') ? this.#probes : this.#requests;
    const own = block === null ? null : perAddress.of(block, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'request-rate-per-address', waitMs: ownMs };
    const waitMs = all.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'request-rate', waitMs };
    own?.spend(1, nowMs);
    all.spend(1, nowMs);
    return null;
  }
}
