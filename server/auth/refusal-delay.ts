import { createHash } from 'node:crypto';
import { addressBlock } from '../limits/ip-address.ts';
import { RefusalCounts } from '../limits/refusal-counts.ts';

/**
 * How long to hold a refusal back. Clients up to y-websocket 3.0 come back at once after any close, so what slows them
 * down is that the answer takes its time. Counts by address and by token: a client that tries many tokens is slowed down,
 * and so is one token that comes from many addresses.
 */
export class RefusalDelay {
  readonly #counts = new RefusalCounts();

  /** Counts one refusal, and returns how long to hold it back, in milliseconds. */
  refused(address: string, token: string | null, nowMs: number): number {
    return Math.max(...keysOf(address, token).map((key) => this.#counts.refused(key, nowMs)));
  }

  /** How long the next refusal would be held back, in milliseconds. */
  owedMs(address: string, token: string | null, nowMs: number): number {
    return Math.max(...keysOf(address, token).map((key) => this.#counts.owedMs(key, nowMs)));
  }

  /** Forgets what the token was refused for, and half of what its address was: others behind it are let in. */
  granted(address: string, token: string | null): void {
    const [addressKey = '', tokenKey] = keysOf(address, token);
    this.#counts.halve(addressKey);
    if (tokenKey !== undefined) this.#counts.forget(tokenKey);
  }
}

function keysOf(address: string, token: string | null): string[] {
  const keys = [`a:${addressBlock(address)}`];
  if (token !== null) keys.push(`t:${hash(token)}`);
  return keys;
}

/** So that no token stays in memory for longer than it is used. */
function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
