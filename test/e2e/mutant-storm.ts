import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import * as Y from 'yjs';
import { listenForComplaints } from '../support/complaints.ts';
import { guardMs, within } from '../support/deadline.ts';
import { encodeFrame } from '../support/frames.ts';
import type { Frame } from '../support/frames.ts';
import { mutate } from '../support/mutants.ts';
import { contentOf } from '../support/folding.ts';
import { RandomEditors } from '../support/random-edits.ts';
import { randomOf } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import type { RawClient } from '../support/raw-client.ts';
import { Siege } from '../support/siege.ts';
import { StockClient } from '../support/stock-client.ts';

/**
 * Enough for a document to be folded when it becomes idle: about 400 KB as the compactor counts, where 256 KB are
 * enough.
 */
const editsPerDocument = 2_000;
/** The number of mutants per document. Then the next document is attacked. */
const mutantsPerDocument = 2_500;
const attackers = 4;
/** The fraction of frames in which only the update is broken, so that it is read. */
const updateShare = 0.6;

/**
 * Sends `count` broken frames to a server, with a new connection after each refusal, while two stock clients write in
 * another document. Asserts I6 and I4: the other document is not affected, and every attacked document opens in a stock
 * client without a complaint, and with the same content before and after a restart.
 */
export async function sendMutants(t: TestContext, count: number): Promise<void> {
  const random = randomOf(t);
  const siege = await Siege.start(t);
  const complaints = listenForComplaints(t);
  const open = async (docName: string): Promise<StockClient> => {
    const client = new StockClient(siege.quire.url, docName, { maxBackoffTime: 200 });
    t.after(() => client.destroy());
    await client.synced();
    return client;
  };
  const [ann, bob] = await Promise.all([open('honest'), open('honest')]);
  const names: string[] = [];
  let refused = 0;
  const storm = async (): Promise<void> => {
    for (let left = count; left > 0; left -= mutantsPerDocument) {
      const name = `attacked-${names.length}`;
      names.push(name);
      const witness = await open(name);
      refused += await attackDocument(siege, name, Math.min(left, mutantsPerDocument), random);
      witness.destroy();
    }
  };
  const edit = async (until: AbortSignal): Promise<void> => {
    while (!until.aborted) {
      for (const editor of [ann, bob]) editor.text.insert(editor.text.length, 'word ');
      await Promise.all([ann.saved(), bob.saved()]);
    }
  };
  await siege.attack(t, async () => {
    const over = new AbortController();
    await Promise.all([storm().finally(() => over.abort()), edit(over.signal)]);
  });
  await ann.until(() => ann.content === bob.content, 'both editors have the same text');
  const honest = ann.content;

  const before = await contents(open, names);
  await siege.folded(names.length);
  const metrics = await siege.metrics();
  assert.equal(metrics.get('quire_compactions_failed_total'), 0);
  await siege.restart();
  assert.deepEqual(await contents(open, names), before);
  assert.equal((await siege.read('honest')).getText('text').toJSON(), honest);
  assert.deepEqual(complaints, []);
  t.diagnostic(
    `${names.length} documents, ${refused} of ${count} refused, ${honest.length} characters elsewhere, ` +
      `${metrics.get('quire_compactions_total')} compactions, ${metrics.get('quire_entries_set_aside_total')} set aside`,
  );
}

/** Fills a document with valid edits, then attacks it. Resolves with the number of refused mutants. */
async function attackDocument(siege: Siege, name: string, count: number, random: Random): Promise<number> {
  const editors = new RandomEditors(random);
  editors.edit(editsPerDocument);
  const author = await siege.attacker(name);
  await author.sync();
  for (const update of editors.updates) author.edit(update);
  await author.saved();
  author.terminate();
  let left = count;
  let refused = 0;
  const attack = async (): Promise<void> => {
    let attacker: RawClient | null = null;
    while (left-- > 0) {
      attacker ??= await siege.attacker(name);
      attacker.sendBytes(mutantFrame(editors.updates, random));
      if (await isRefused(attacker)) {
        refused++;
        attacker = null;
      }
    }
    attacker?.terminate();
  };
  await within(guardMs, () => `${left} mutants`, Promise.all(Array.from({ length: attackers }, attack)));
  return refused;
}

/** Resolves with whether the server closes the connection because of the frame. If not, the server has accepted it. */
async function isRefused(attacker: RawClient): Promise<boolean> {
  const refused = await attacker.pinged().then(
    () => false,
    () => true,
  );
  if (!refused) return false;
  const { code } = await attacker.closed;
  assert.ok([4400, 4529].includes(code), `closed with ${code}`);
  return true;
}

function mutantFrame(updates: readonly Uint8Array[], random: Random): Uint8Array {
  const update = random.pick(updates);
  const donor = random.pick(updates);
  const type = random.pick(['update', 'sync-step-2'] as const);
  if (random.fraction() < updateShare) return encodeFrame({ type, update: mutate(update, donor, random) });
  const frames: readonly Frame[] = [
    { type, update },
    { type: 'sync-step-1', stateVector: Y.encodeStateVectorFromUpdate(update) },
    { type: 'awareness', entries: [{ client: random.below(100), clock: random.below(100), state: '{"user":"ann"}' }] },
    { type: 'probe', payload: Uint8Array.of(1) },
    { type: 'query-awareness' },
  ];
  return mutate(encodeFrame(random.pick(frames)), encodeFrame({ type, update: donor }), random);
}

async function contents(open: (docName: string) => Promise<StockClient>, names: readonly string[]): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const name of names) {
    const client = await open(name);
    all.push(contentOf(client.doc));
    client.destroy();
  }
  return all;
}
