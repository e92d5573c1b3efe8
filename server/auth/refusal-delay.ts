import { createHash } from 'node:crypto';
import { addressBlock } from '../ip-address.ts';

/** A first refusal is not held back, the second for this long, and each one after it for twice as long. */
const firstDelayMs = 250;
/** Well within what a session may take to become live (10 s by default). */
const maxDelayMs = 4_000;
/** Somebody who has not been refused for this long starts anew. */
const forgetMs = 60_000;
/** Addresses and tokens that are remembered; those refused longest ago go first. About 200 bytes each. */
const maxRemembered = 10_000;

interface Refusals {
  count: number;
  lastMs: number;
}

/**
 * How long to hold a refusal back. Clients up to y-websocket 2 come back at once after any close, so what slows them
 * down is that the answer takes its time. Counts by address and by token: one who tries many tokens is slowed down, and
 * so is one token that comes from many addresses. Nobody who is let in waits.
 */
export class RefusalDelay {
  readonly #refusals = new Map<string, Refusals>();

  /** Counts one refusal, and returns how long to hold it back, in milliseconds. */
  refused(address: string, token: string | null, nowMs: number): number {
    const delayMs = this.#count(`a:${addressBlock(address)}`, nowMs);
    return token === null ? delayMs : Math.max(delayMs, this.#count(`t:${hash(token)}`, nowMs));
  }

  #count(key: string, nowMs: number): number {
    const known = this.#refusals.get(key);
    const count = known !== undefined && nowMs - known.lastMs < forgetMs ? known.count + 1 : 1;
    // Moves to the end: the first is the one that was refused longest ago.
    this.#refusals.delete(key);
    this.#refusals.set(key, { count, lastMs: nowMs });
    if (this.#refusals.size > maxRemembered) {
      const oldest = this.#refusals.keys().next();
      if (oldest.done !== true) this.#refusals.delete(oldest.value);
    }
    return count === 1 ? 0 : Math.min(firstDelayMs * 2 ** (count - 2), maxDelayMs);
  }
}

/** So that no token lies about in memory for longer than it is used. */
function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
