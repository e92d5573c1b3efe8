import { createHash } from 'node:crypto';
import { addressKeyOf } from '../limits/ip-address.ts';
import { RefusalCounts } from '../limits/refusal-counts.ts';

/**
 * Computes how long to delay a refusal. Clients up to y-websocket 3.0 reconnect at once after any close, so only a
 * delayed answer slows them down. Refusals are counted by address and by token: a client that tries many tokens is
 * slowed down, and so is one token that comes from many addresses.
 */
export class RefusalDelay {
  readonly #counts = new RefusalCounts();

  /** Counts one refusal, and returns how long to delay it, in milliseconds. */
  refused(address: string, token: string | null, nowMs: number): number {
    return Math.max(...keysOf(address, token).map((key) => this.#counts.refused(key, nowMs)));
  }

  /** How long the next refusal would be delayed, in milliseconds. */
  owedMs(address: string, token: string | null, nowMs: number): number {
    return Math.max(...keysOf(address, token).map((key) => this.#counts.owedMs(key, nowMs)));
  }

  /** Forgets the token's refusals and halves those of its address, because other clients may share the address. */
  granted(address: string, token: string | null): void {
    const [addressKey = '', tokenKey] = keysOf(address, token);
    this.#counts.halve(addressKey);
    if (tokenKey !== undefined) this.#counts.forget(tokenKey);
  }
}

function keysOf(address: string, token: string | null): string[] {
  const keys = [`a:${addressKeyOf(address)}`];
  if (token !== null) keys.push(`t:${hash(token)}`);
  return keys;
}

/** Hashed, so that no token stays in memory after its use. */
function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
