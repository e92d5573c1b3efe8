import { guardMs, paced, within } from './deadline.ts';
import { metricsOf } from './metrics.ts';
import type { Owner } from './owner.ts';
import { Quire } from './quire.ts';
import { RawClient } from './raw-client.ts';
import type { RawClientOptions } from './raw-client.ts';
import { ServerClock, serverClockArgs } from './server-clock.ts';
import { StockClient } from './stock-client.ts';
import type { StockClientOptions } from './stock-client.ts';

/** Starts a server that accepts the client addresses that tests claim (`from`), with documents in memory. */
export function startLimited(owner: Owner, ...args: string[]): Promise<Quire> {
  return Quire.start(owner, { tls: 'off', args: ['--ephemeral', '--trusted-proxies', '127.0.0.1', ...args] });
}

/** The same with a clock that stands still until the test moves it, so that limits admit exactly their burst. */
export async function startHeld(owner: Owner, ...args: string[]): Promise<{ quire: Quire; clock: ServerClock }> {
  const options = ['--ephemeral', '--trusted-proxies', '127.0.0.1', ...args];
  const quire = await Quire.start(owner, { tls: 'off', args: options, nodeArgs: serverClockArgs });
  return { quire, clock: await ServerClock.attach(owner, quire) };
}

/** Options of a client with this address. */
export function from(address: string): RawClientOptions {
  return { socket: { headers: { 'X-Forwarded-For': address } } };
}

/** Opens a connection, which is closed when the owner ends. */
export async function open(
  owner: Owner,
  quire: Quire,
  doc: string,
  options: RawClientOptions = {},
): Promise<RawClient> {
  const client = await RawClient.open(`${quire.url}/${doc}`, options);
  owner.after(() => client.terminate());
  return client;
}

/** Opens a connection. Resolves when the session is live. */
export async function join(
  owner: Owner,
  quire: Quire,
  doc: string,
  options: RawClientOptions = {},
): Promise<RawClient> {
  const client = await open(owner, quire, doc, options);
  await client.next('sync-step-1');
  return client;
}

/** The number of times that a limit was reached. */
export async function reached(quire: Quire, limit: string): Promise<number> {
  return (await metricsOf(quire)).get(`quire_limits_reached_total{limit="${limit}"}`) ?? NaN;
}

/** Resolves when the limit was reached. */
export async function untilReached(quire: Quire, limit: string): Promise<void> {
  const done = async (): Promise<void> => {
    while (!((await reached(quire, limit)) > 0)) await paced(20);
  };
  await within(guardMs, `the limit ${limit}`, done());
}

/** A stock client that has written something offline. */
export function offline(owner: Owner, quire: Quire, doc: string, options: StockClientOptions = {}): StockClient {
  const client = new StockClient(quire.url, doc, { maxBackoffTime: 200, connect: false, ...options });
  owner.after(() => client.destroy());
  client.text.insert(0, 'offline');
  return client;
}

/** Resolves when another client has received what the client wrote. */
export async function arrives(owner: Owner, quire: Quire, doc: string, client: StockClient): Promise<void> {
  const other = new StockClient(quire.url, doc, { maxBackoffTime: 200 });
  owner.after(() => other.destroy());
  await other.until(() => other.content === client.content, 'what was written');
}
