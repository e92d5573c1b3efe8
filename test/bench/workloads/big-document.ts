import * as Y from 'yjs';
import { paced } from '../../support/deadline.ts';
import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { Disposer } from '../../support/owner.ts';
import type { Quire } from '../../support/quire.ts';
import { RawClient } from '../../support/raw-client.ts';
import { sharedTextName } from '../../support/text-writer.ts';
import { pace } from '../pace.ts';
import { RoomLoad } from '../room-load.ts';
import { quantile } from '../statistics.ts';
import { startQuire } from '../target.ts';
import type { Figure, Workload } from '../workload.ts';

/** Below the greatest message that the server takes (20 MB), as an editor's import would send it in several goes. */
const updateBytes = 2_000_000;
const itemText = 'The quick brown fox jumps over the lazy dog, once more and again.';
/** For what the server does in the background after a document has grown: it has no end that a client could see. */
const settleMs = 6_000;

/** What one phase did to the event loop, and to somebody who works in another document meanwhile. */
interface Phase {
  readonly name: string;
  readonly stallMs: number;
  readonly probesMs: readonly number[];
}

/** A document of 20 MB: uploaded, folded together, edited by 50 people, and opened by one more. */
export const bigDocument: Workload = {
  name: 'big-document',
  describe: ({ quick }) => (quick ? '1 MB, 5 editors' : '20 MB, 50 editors at 2 edits/s each, one more opens it'),
  run: async (settings) => {
    const disposer = new Disposer();
    try {
      const quire = await startQuire(disposer, inspectorArgs);
      const inspector = await Inspector.attach(quire.process);
      disposer.after(() => inspector.close());
      const bystander = await RawClient.open(`${quire.url}/bystander`);
      await bystander.sync();
      const { updates, stateVector } = write(settings.quick ? 1_000_000 : 20_000_000);
      const phase = (name: string, work: () => Promise<void>): Promise<Phase> =>
        observe(name, inspector, bystander, work);

      // What the machine does to an event loop that has nothing to do: no phase can be better than this.
      const nothing = await phase('nothing', () => paced(settings.quick ? 100 : settleMs));
      const upload = await phase('upload and compaction', async () => {
        await store(quire, updates);
        await paced(settings.quick ? 0 : settleMs);
      });
      const editors = settings.quick ? 5 : 50;
      const target = { url: quire.url, joins: true };
      const room = await RoomLoad.open(target, 'big', { writers: editors, readers: 0, stateVector }, 1_000);
      disposer.after(() => room.close());
      const senders = room.writers.map((writer) => () => room.type(writer));
      const editing = await phase('50 editors', async () => {
        await pace(senders, 2, settings.quick ? 500 : 6_000);
      });
      const joining = await phase('50 editors and a join', async () => {
        const writing = pace(senders, 2, settings.quick ? 500 : 6_000);
        const newcomer = await RawClient.open(`${quire.url}/big`);
        disposer.after(() => newcomer.terminate());
        await newcomer.sync(undefined, 60_000);
        await writing;
      });
      await room.complete();
      return [nothing, upload, editing, joining].flatMap((found) => figuresOf(found, settings.quick));
    } finally {
      await disposer.dispose();
    }
  },
};

function figuresOf({ name, stallMs, probesMs }: Phase, quick: boolean): Figure[] {
  return [
    {
      name: `${name}: longest stall`,
      unit: 'ms',
      relay: null,
      quire: [stallMs],
      goal: quick || name === 'nothing' ? null : { kind: 'absolute', most: 50 },
    },
    { name: `${name}: probe elsewhere p99`, unit: 'ms', relay: null, quire: [quantile(probesMs, 0.99)], goal: null },
  ];
}

/** Does `work`, and meanwhile asks again and again in another document whether all is saved. */
async function observe(
  name: string,
  inspector: Inspector,
  bystander: RawClient,
  work: () => Promise<void>,
): Promise<Phase> {
  const probesMs: number[] = [];
  const progress = { isDone: false };
  await inspector.watchEventLoop();
  const probing = (async () => {
    while (!progress.isDone) {
      const startMs = performance.now();
      await bystander.saved(60_000);
      probesMs.push(performance.now() - startMs);
      await paced(10);
    }
  })();
  await work();
  const stallMs = await inspector.longestStallMs();
  progress.isDone = true;
  await probing;
  return { name, stallMs, probesMs };
}

async function store(quire: Quire, updates: readonly Uint8Array[]): Promise<void> {
  const author = await RawClient.open(`${quire.url}/big`);
  await author.sync();
  for (const update of updates) {
    author.edit(update);
    await author.saved(60_000);
  }
  await author.close();
}

/** A text whose parts were all written at its beginning: Yjs cannot join them, so that it stays as many items. */
function write(bytes: number): { updates: Uint8Array[]; stateVector: Uint8Array } {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const itemBytes = itemText.length + 14; // with its info, right origin and length
  const text = doc.getText(sharedTextName);
  for (let written = 0; written < bytes; written += updateBytes) {
    doc.transact(() => {
      for (let item = 0; item < Math.min(updateBytes, bytes) / itemBytes; item++) text.insert(0, itemText);
    });
  }
  return { updates, stateVector: Y.encodeStateVector(doc) };
}
