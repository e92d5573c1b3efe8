import type { IncomingMessage, RequestListener } from 'node:http';
import { httpStatus } from '../errors.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import { limitReached } from '../limits.ts';
import type { Logger } from '../logger.ts';
import type { BucketSize } from '../token-bucket.ts';
import type { ClientAddresses } from './client-addresses.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';

export interface RequestRateDeps {
  readonly addresses: Pick<ClientAddresses, 'of' | 'blockOf'>;
  /** Of one address. */
  readonly rate: BucketSize;
  readonly logger: Logger;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/** What asks how the server is: a balancer that heard 429 would send nobody here any more. */
const probe = /^\/(healthz|readyz|metrics)(\?|$)/;

/** How many plain HTTP requests one address may make; upgrades are none. */
export class RequestRate {
  readonly #deps: RequestRateDeps;
  readonly #answer: RequestListener;
  readonly #requests: KeyedBuckets;
  readonly #probes: KeyedBuckets;

  /** `answer` gets whatever is not too much. */
  constructor(deps: RequestRateDeps, answer: RequestListener) {
    this.#deps = deps;
    this.#answer = answer;
    this.#requests = new KeyedBuckets(deps.rate);
    this.#probes = new KeyedBuckets(deps.rate);
  }

  /** The listener of `request`. */
  readonly handle: RequestListener = (request, response) => {
    const waitMs = this.#take(request);
    if (waitMs === 0) {
      this.#answer(request, response);
      return;
    }
    const refusal = limitReached('request-rate-per-address', waitMs);
    const { code: error, message: reason, limit } = refusal;
    increment(this.#deps.stats.limitsReached, 'request-rate-per-address');
    this.#deps.logger.info({ error, reason, limit }, 'request refused');
    // The body that may follow is not read.
    response.setHeader('Connection', 'close');
    response.setHeader('Retry-After', String(refusal.retryAfterSeconds));
    response.writeHead(httpStatus(error), { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ error, reason }));
  };

  /** Takes a token. Returns how long to wait for one if there is none, in milliseconds. */
  #take(request: IncomingMessage): number {
    const { addresses, now } = this.#deps;
    const block = addresses.blockOf(addresses.of(request));
    if (block === null) return 0;
    const nowMs = now();
    const buckets = probe.test(request.url ?? '') ? this.#probes : this.#requests;
    const bucket = buckets.of(block, nowMs);
    const waitMs = bucket.waitMs(1, nowMs);
    if (waitMs === 0) bucket.spend(1, nowMs);
    return waitMs;
  }
}
