import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Quire } from './quire.ts';
import { RawClient } from './raw-client.ts';
import { ServerClock, serverClockArgs } from './server-clock.ts';
import { secret } from './tokens.ts';

/** A server whose log says all that it ever says; when the test ends, no token and no secret is found in it. */
export async function guarded(
  t: TestContext,
  args: readonly string[],
  env: Record<string, string> = {},
  nodeArgs: readonly string[] = [],
): Promise<Quire> {
  const all = ['--ephemeral', '--log-level', 'trace', ...args];
  const quire = await Quire.start(t, { tls: 'off', args: all, env, nodeArgs });
  t.after(() => {
    // The head of every JWT; and what the tests use as opaque tokens and as secrets.
    assert.doesNotMatch(quire.process.output, /eyJ|opaque|32 bytes or more|as long as the first/);
  });
  return quire;
}

export function guardedBySecret(t: TestContext, ...args: string[]): Promise<Quire> {
  return guarded(t, args, { QUIRE_AUTH_SECRET: secret });
}

/** The same, with a clock that stands still until the test moves it: no grant ends by itself. */
export async function guardedHeld(
  t: TestContext,
  args: readonly string[] = [],
  env: Record<string, string> = { QUIRE_AUTH_SECRET: secret },
): Promise<{ quire: Quire; clock: ServerClock }> {
  const quire = await guarded(t, args, env, serverClockArgs);
  return { quire, clock: await ServerClock.attach(t, quire) };
}

/** Joins the document `doc`. The address may be any of 127.0.0.0/8: who is refused often is held back by it. */
export function joinWith(quire: Quire, token: string | null, address = '127.0.0.1'): Promise<RawClient> {
  const protocols = token === null ? [] : ['quire', token];
  return RawClient.open(`${quire.url}/doc`, { protocols, socket: { localAddress: address } });
}
