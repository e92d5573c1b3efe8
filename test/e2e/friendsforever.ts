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
  /** How many of the trace's 26,078 transactions are made, from its beginning. */
  readonly txns: number;
  /** How many of the trace's transactions are made between two cuts of one person's connection. */
  readonly txnsPerCut: number;
  /** How many times the server is started again: by turns killed and stopped in order. */
  readonly restarts: number;
  /** People type at most so long apart, in milliseconds. */
  readonly maxPauseMs: number;
}

/** At most so many transactions are made in one go. */
const maxBurst = 60;
const docName = 'friends';

/**
 * Two real people write one text at the same time, over wss, through the stock provider, with connections that break and
 * a server that is started again. Holds I1 and I4: both, and whoever comes afterwards, must have the trace's text.
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

/** Makes one person's transactions, each as soon as what it builds on has arrived, connected or not. */
async function type({ person, steps, writers, random, options, progress }: Typing): Promise<void> {
  let burst = 0;
  for (const [index, { update, needs }] of steps.entries()) {
    const has = (): boolean =>
      needs.every((clock, agent) => clock <= Y.getState(person.doc.store, writers[agent] ?? 0));
    if (!has()) await person.until(has, `what transaction ${index} of ${writers.join('/')} builds on`);
    // Not the provider's own: it takes this for typing, and sends it.
    Y.applyUpdate(person.doc, update, 'typed');
    progress.made++;
    // One cut at least, whatever the seed.
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
