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
  /** For all addresses together. */
  readonly rate: BucketSize;
  readonly logger: Logger;
  readonly stats: NetStats;
  /** In milliseconds, from any origin. */
  now(): number;
}

/** Whether a request is for a health check or for metrics. A load balancer that gets 429 would send no more clients. */
function isHealthCheck(target: string): boolean {
  return /^\/(healthz|readyz|metrics)(\?|$)/.test(target);
}

/** The limit that a request exceeds, and the time until it may be repeated, in milliseconds. */
interface Excess {
  readonly limit: 'request-rate' | 'request-rate-per-address';
  readonly waitMs: number;
}

/**
 * Limits HTTP requests, per address and in total, including redirected upgrades. Upgrades to WebSockets do not count.
 * All ports share one object.
 */
export class RequestRate {
  readonly #deps: RequestRateDeps;
  readonly #perAddress: KeyedBuckets;
  readonly #total: TokenBucket;
  /**
   * Essential requests have no total limit, or a flood from many addresses would make a load balancer remove this
   * server.
   */
  readonly #essentialPerAddress: KeyedBuckets;

  constructor(deps: RequestRateDeps) {
    this.#deps = deps;
    this.#perAddress = new KeyedBuckets(deps.ratePerAddress);
    this.#total = new TokenBucket(deps.rate, deps.now());
    this.#essentialPerAddress = new KeyedBuckets(deps.ratePerAddress);
  }

  /**
   * Returns a listener of `request`. It passes the requests within the limits to `answer`. `isEssential` decides which
   * targets are exempt from the total limit: health checks by default.
   */
  listener(answer: RequestListener, isEssential: (target: string) => boolean = isHealthCheck): RequestListener {
    return (request, response) => {
      const refusal = this.refusalOf(request, isEssential);
      if (refusal === null) {
        answer(request, response);
        return;
      }
      const { code: error, message: reason } = refusal;
      // The body is not read.
      response.setHeader('Connection', 'close');
      response.setHeader('Retry-After', String(refusal.retryAfterSeconds));
      const body = JSON.stringify({ error, reason });
      response.setHeader('Content-Length', Buffer.byteLength(body));
      response.writeHead(httpStatus(error), { 'Content-Type': 'application/json' });
      response.end(body);
    };
  }

  /** Counts a request. Returns null if it is within the limits. Otherwise counts, logs and returns the refusal. */
  refusalOf(request: IncomingMessage, isEssential: (target: string) => boolean = isHealthCheck): RefusedError | null {
    const excess = this.#take(request, isEssential(request.url ?? ''));
    if (excess === null) return null;
    const refusal = limitReached(excess.limit, { retryAfterMs: excess.waitMs });
    const { code: error, message: reason, limit } = refusal;
    increment(this.#deps.stats.limitsReached, excess.limit);
    this.#deps.logger.info({ error, reason, limit }, 'request refused');
    return refusal;
  }

  /** Takes the tokens of a request. A request over its per-address limit takes no shared token. */
  #take(request: IncomingMessage, isEssential: boolean): Excess | null {
    const { addresses, now } = this.#deps;
    const addressKey = addresses.keyOf(addresses.of(request));
    const nowMs = now();
    const perAddress = isEssential ? this.#essentialPerAddress : this.#perAddress;
    const own = addressKey === null ? null : perAddress.of(addressKey, nowMs);
    const ownMs = own?.waitMs(1, nowMs) ?? 0;
    if (ownMs > 0) return { limit: 'request-rate-per-address', waitMs: ownMs };
    const waitMs = isEssential ? 0 : this.#total.waitMs(1, nowMs);
    if (waitMs > 0) return { limit: 'request-rate', waitMs };
    own?.spend(1, nowMs);
    if (!isEssential) this.#total.spend(1, nowMs);
    return null;
  }
}
