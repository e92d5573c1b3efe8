import * as Y from 'yjs';
import { paced } from '../../support/deadline.ts';
import { EventLoopWatch } from '../../support/event-loop-watch.ts';
import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { sharedTextName } from '../../support/text-writer.ts';
import { Arrival } from '../clients/arrival.ts';
import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { absolute } from '../goals.ts';
import { pace } from '../pace.ts';
import { orClosed } from '../paper.ts';
import { RoomLoad } from '../room-load.ts';
import type { Target } from '../servers/target.ts';
import { quantile } from '../statistics.ts';
import type { Workload } from '../workload.ts';

const author = 7;
const itemText = 'The quick brown fox jumps over the lazy dog, once more and again.';
const itemBytes = itemText.length + 14; // with its info, right origin and length
/** Below the largest message that the server accepts. An editor's import would also be split. */
const updateBytes = 2_000_000;
/** Quire folds a tail that is twice as long as the snapshot. With this share the last fold begins near the end. */
const firstShare = 0.3;
const compactionTimeoutMs = 60_000;

interface Phase {
  readonly p99Ms: number;
  readonly stallMs: number;
}

interface Run {
  readonly calm: Phase;
  readonly compacting: Phase;
  readonly joining: Phase;
}

/**
 * A document of 20 MB in which 50 clients type: during a fold, while nothing else happens, and while a client joins.
 */
export const largeDocument: Workload = {
  name: 'large-document',
  describe: ({ quick }) => (quick ? '1 MB, 5 editors' : '20 MB, 50 editors at 2 edits/s each'),
  run: (settings) => {
    const big = write(settings.quick ? 1_000_000 : 20_000_000);
    return compare<Run>(settings, {
      measures: [
        { name: 'p99 calm', unit: 'ms', of: ({ calm }) => calm.p99Ms },
        { name: 'p99 compacting', unit: 'ms', of: ({ compacting }) => compacting.p99Ms },
        {
          name: 'p99 compacting / calm',
          unit: 'times',
          goals: [absolute(2)],
          of: ({ calm, compacting }) => compacting.p99Ms / calm.p99Ms,
        },
        { name: 'stall calm', unit: 'ms', goals: [absolute(20)], of: ({ calm }) => calm.stallMs },
        { name: 'stall compacting', unit: 'ms', goals: [absolute(20)], of: ({ compacting }) => compacting.stallMs },
        { name: 'stall joining', unit: 'ms', goals: [absolute(20)], of: ({ joining }) => joining.stallMs },
      ],
      fresh: true,
      start: { nodeArgs: inspectorArgs },
      suits: ({ kind, name }) => kind === 'ours' && name !== 'quire-write',
      play: async (target) => {
        const inspector = await Inspector.attach(target.process);
        const watch = new EventLoopWatch(inspector);
        const firstUpdates = Math.ceil(big.updates.length * firstShare);
        let room: RoomLoad | null = null;
        try {
          await upload(target, big.updates.slice(0, firstUpdates));
          await target.settles();
          const folds = await compactions(target);
          await upload(target, big.updates.slice(firstUpdates));
          const shape = { writers: settings.quick ? 5 : 50, readers: 0, stateVector: big.stateVector };
          room = await RoomLoad.open(target, 'big', shape, 1_000);
          const senders = room.writers.map((writer) => () => room?.type(writer));
          const type = (seconds: number): Promise<void> => pace(senders, 2, settings.quick ? 500 : seconds * 1_000);
          const phase = (work: () => Promise<void>): Promise<Phase> => observe(room as RoomLoad, watch, work);

          const compacting = await phase(async () => {
            const startMs = performance.now();
            do await type(1);
            while (
              !settings.quick &&
              (await compactions(target)) === folds &&
              performance.now() - startMs < compactionTimeoutMs
            );
          });
          if (!settings.quick && (await compactions(target)) === folds) throw new Error('No compaction has ended');
          await target.settles();
          const calm = await phase(() => type(6));
          const joining = await phase(async () => {
            const typing = type(6);
            await paced(200);
            const newcomer = await LoadClient.open(target, 'big');
            newcomer.terminate();
            await typing;
          });
          return { calm, compacting, joining };
        } finally {
          room?.close();
          inspector.close();
        }
      },
    });
  },
};

/** Runs `work` and waits until all edits have arrived. */
async function observe(room: RoomLoad, watch: EventLoopWatch, work: () => Promise<void>): Promise<Phase> {
  room.latenciesMs.length = 0;
  await watch.begin();
  await work();
  await room.complete();
  return { stallMs: await watch.end(), p99Ms: quantile(room.latenciesMs, 0.99) };
}

async function upload(target: Target, updates: readonly Uint8Array[]): Promise<void> {
  const end = Math.max(...updates.map((update) => Y.parseUpdateMeta(update).to.get(author) ?? 0));
  const arrival = new Arrival(author, end);
  const client = await LoadClient.open(target, 'big', { onUpdate: (update) => arrival.take(update) });
  for (const update of updates) client.edit(update);
  await orClosed(client, arrival.complete());
  client.terminate();
}

async function compactions(target: Target): Promise<number> {
  const answer = await fetch(`${target.url.replace('ws', 'http').replace('/sync', '')}/metrics`);
  return Number(/^quire_compactions_total (\d+)/m.exec(await answer.text())?.[1]);
}

/** A text whose parts were all inserted at its beginning. Yjs cannot join them, so it stays as many items. */
function write(bytes: number): { updates: Uint8Array[]; stateVector: Uint8Array } {
  const doc = new Y.Doc();
  doc.clientID = author;
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const text = doc.getText(sharedTextName);
  for (let written = 0; written < bytes; written += updateBytes) {
    doc.transact(() => {
      for (let item = 0; item < Math.min(updateBytes, bytes) / itemBytes; item++) text.insert(0, itemText);
    });
  }
  return { updates, stateVector: Y.encodeStateVector(doc) };
}
