import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import * as Y from 'yjs';
import { paced } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { randomOf } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { StockClient } from '../support/stock-client.ts';
import { loadFriendsForever } from '../support/traces.ts';
import { replayOf } from './replay.ts';
import type { Step } from './replay.ts';

export interface ReplayOptions {
  /** The number of transactions to make, from the beginning of the trace, which has 26,078. */
  readonly txns: number;
  /** The number of transactions between two losses of one user's connection. */
  readonly txnsPerCut: number;
  /** The number of restarts. The server is killed and stopped in order alternately. */
  readonly restarts: number;
  /** The longest pause of a user between edits, in milliseconds. */
  readonly maxPauseMs: number;
}

/** The most transactions that are made without a pause. */
const maxBurst = 60;
const docName = 'friends';

/**
 * Two users write one text at the same time, over wss, with the stock provider, while connections break and the server
 * restarts. Asserts I1 and I4: both of them, and a client that joins afterwards, have the text of the trace.
 */
export async function replayFriendsForever(t: TestContext, options: ReplayOptions): Promise<void> {
  const random = randomOf(t);
  const trace = loadFriendsForever();
  const total = Math.min(options.txns, trace.txns.length);
  const { clients: writers, steps, content } = replayOf(trace.txns.slice(0, total), trace.numAgents);
  if (total === trace.txns.length) assert.equal(content, trace.endContent);
  const quire = await Quire.start(t);
  const client = (): StockClient => {
    const stock = new StockClient(quire.wssUrl, docName, { ca: quire.ca, maxBackoffTime: 200 });
    t.after(() => stock.destroy());
    return stock;
  };
  const people = steps.map(() => client());
  await Promise.all(people.map((person) => person.synced()));

  const progress = { made: 0, cuts: 0 };
  const typing = people.map((person, agent) =>
    type({ person, steps: steps[agent] ?? [], writers, random, options, progress }),
  );
  const restarting = restartInBetween(quire, people, options.restarts, progress, total);
  await Promise.all([...typing, restarting]);

  await Promise.all(
    people.map(async (person, agent) => {
      await person.until(() => person.content === content, `the whole text at agent ${agent}`);
      await person.synced();
      await person.saved();
    }),
  );
  await quire.process.kill();
  await quire.restart();
  const fresh = client();
  await fresh.synced();
  assert.equal(fresh.content, content);
  assert.ok(progress.cuts > 0, 'no connection was cut');
  t.diagnostic(`${total} transactions, ${progress.cuts} cuts, ${options.restarts} restarts`);
}

interface Typing {
  readonly person: StockClient;
  readonly steps: readonly Step[];
  readonly writers: readonly number[];
  readonly random: Random;
  readonly options: ReplayOptions;
  readonly progress: { made: number; cuts: number };
}

/** Makes the transactions of one user, each as soon as its parents have arrived, online or offline. */
async function type({ person, steps, writers, random, options, progress }: Typing): Promise<void> {
  let burst = 0;
  for (const [index, { update, needs }] of steps.entries()) {
    const has = (): boolean =>
      needs.every((clock, agent) => clock <= Y.getState(person.doc.store, writers[agent] ?? 0));
    if (!has()) await person.until(has, `what transaction ${index} of ${writers.join('/')} builds on`);
    // The origin is not the provider, so that the provider sends this like typed text.
    Y.applyUpdate(person.doc, update, 'typed');
    progress.made++;
    // At least one loss of the connection, with every seed.
    const isDue = random.fraction() < 1 / options.txnsPerCut || (progress.cuts === 0 && index >= steps.length / 2);
    if (isDue && person.isConnected) {
      person.cut();
      progress.cuts++;
    }
    if (burst-- > 0) continue;
    burst = random.below(maxBurst);
    await paced(random.below(options.maxPauseMs + 1));
  }
}

async function restartInBetween(
  quire: Quire,
  people: readonly StockClient[],
  restarts: number,
  progress: { readonly made: number },
  total: number,
): Promise<void> {
  for (let restart = 1; restart <= restarts; restart++) {
    const made = (total * restart) / (restarts + 1);
    await Promise.race(
      people.map((person) => person.until(() => progress.made >= made, `${made} transactions`, 600_000)),
    );
    if (restart % 2 === 1) await quire.process.kill();
    else await quire.process.stop();
    await quire.restart();
  }
}
