import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Quire } from './quire.ts';
import { RawClient } from './raw-client.ts';
import { ServerClock, serverClockArgs } from './server-clock.ts';
import { secret } from './tokens.ts';

/** Starts a server that logs at every level. When the test ends, its log must contain no token and no secret. */
export async function guarded(
  t: TestContext,
  args: readonly string[],
  env: Record<string, string> = {},
  nodeArgs: readonly string[] = [],
): Promise<Quire> {
  const all = ['--ephemeral', '--log-level', 'trace', ...args];
  const quire = await Quire.start(t, { tls: 'off', args: all, env, nodeArgs });
  t.after(() => {
    // The beginning of every JWT, and the opaque tokens and secrets of the tests.
    assert.doesNotMatch(quire.process.output, /eyJ|opaque|32 bytes or more|as long as the first/);
  });
  return quire;
}

export function guardedBySecret(t: TestContext, ...args: string[]): Promise<Quire> {
  return guarded(t, args, { QUIRE_AUTH_SECRET: secret });
}

/** The same, with a clock that stands still until the test moves it, so that no grant ends by itself. */
export async function guardedHeld(
  t: TestContext,
  args: readonly string[] = [],
  env: Record<string, string> = { QUIRE_AUTH_SECRET: secret },
): Promise<{ quire: Quire; clock: ServerClock }> {
  const quire = await guarded(t, args, env, serverClockArgs);
  return { quire, clock: await ServerClock.attach(t, quire) };
}

/**
 * Joins the document `doc`. The address may be any of 127.0.0.0/8, because repeated refusals are delayed by address.
 */
export function joinWith(quire: Quire, token: string | null, address = '127.0.0.1'): Promise<RawClient> {
  const protocols = token === null ? [] : ['quire', token];
  return RawClient.open(`${quire.url}/doc`, { protocols, socket: { localAddress: address } });
}
