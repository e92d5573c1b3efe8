import type { IncomingMessage, RequestListener } from 'node:http';
import { httpStatus, limitReached } from '../errors.ts';
import type { RefusedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { KeyedBuckets, TokenBucket } from '../limits/token-bucket.ts';
import type { BucketSize } from '../limits/token-bucket.ts';
import type { ClientAddresses } from './client-addresses.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';

export interface RequestRateDeps {
  readonly addresses: Pick<ClientAddresses, 'of' | 'keyOf'>;
  readonly ratePerAddress: BucketSize;
  /** Of all addresses together. */
  readonly rate: BucketSize;
  readonly logger: Logger;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/** Health checks and metrics. A load balancer that gets 429 would send no more clients here. */
function isHealthCheck(target: string): boolean {
  return /^\/(healthz|readyz|metrics)(\?|$)/.test(target);
}

/** A request and how long it has to wait, in milliseconds. */
interface Excess {
  readonly limit: 'request-rate' | 'request-rate-per-address';
  readonly waitMs: number;
}

/**
 * Limits plain HTTP requests, of one address and of all, and redirected upgrades. Upgrades to WebSockets do not count. One for all
 * ports.
 */
export class RequestRate {
  readonly #deps: RequestRateDeps;
  readonly #perAddress: KeyedBuckets;
  readonly #total: TokenBucket;
  /** Probes have no limit in total: a flood from many addresses would make a load balancer take this server out. */
  readonly #probesPerAddress: KeyedBuckets;

  constructor(deps: RequestRateDeps) {
    this.#deps = deps;
    this.#perAddress = new KeyedBuckets(deps.ratePerAddress);
    this.#total = new TokenBucket(deps.rate, deps.now());
    this.#probesPerAddress = new KeyedBuckets(deps.ratePerAddress);
  }

  /** A listener of `request`. `answer` gets the requests that are within the limits. `isProbe` tells what counts as a health check. */
  listener(answer: RequestListener, isProbe: (target: string) => boolean = isHealthCheck): RequestListener {
    return (request, response) => {
      const refusal = this.refusalOf(request, isProbe);
      if (refusal === null) {
        answer(request, response);
        return;
      }
      const { code: error, message: reason } = refusal;
      // A body that follows is not read.
      response.setHeader('Connection', 'close');
      response.setHeader('Retry-After', String(refusal.retryAfterSeconds));
      const body = JSON.stringify({ error, reason });
      response.setHeader('Content-Length', Buffer.byteLength(body));
      response.writeHead(httpStatus(error), { 'Content-Type': 'application/json' });
      response.end(body);
    };
  }

  /** Counts a request. Returns why it is refused, which is counted and logged then; null if it is within the limits. */
  refusalOf(request: IncomingMessage, isProbe: (target: string) => boolean = isHealthCheck): RefusedError | null {
    const excess = this.#take(request, isProbe(request.url ?? ''));
    if (excess === null) return null;
    const refusal = limitReached(excess.limit, { retryAfterMs: excess.waitMs });
    const { code: error, message: reason, limit } = refusal;
    increment(this.#deps.stats.limitsReached, excess.limit);
    this.#deps.logger.info({ error, reason, limit }, 'request refused');
    return refusal;
  }

  /** Takes a token. A request over the limit of its address takes none of the shared ones. */
  #take(request: IncomingMessage, isProbe: boolean): Excess | null {
    const { addresses, now } = this.#deps;
    const addressKey = addresses.keyOf(addresses.of(request));
    const nowMs = now();
    const perAddress = isProbe ? this.#probesPerAddress : this.#perAddress;
    const own = addressKey === null ? null : perAddress.of(addressKey, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'request-rate-per-address', waitMs: ownMs };
    const waitMs = isProbe ? 0 : this.#total.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'request-rate', waitMs };
    own?.spend(1, nowMs);
    if (!isProbe) this.#total.spend(1, nowMs);
    return null;
  }
}
