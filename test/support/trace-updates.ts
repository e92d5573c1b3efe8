import * as Y from 'yjs';
import type { ConcurrentTrace, LinearTrace, Patch } from './traces.ts';

/** The updates of an editor that makes these edits in `doc.getText('text')`, one for each transaction. */
export function linearUpdates({ txns }: LinearTrace, clientId: number): Uint8Array[] {
  const { doc, updates } = recorder(clientId);
  for (const { patches } of txns) edit(doc, patches);
  return updates;
}

/**
 * The same for several users. The author of each update knew exactly the transactions that the trace names as its
 * parents.
 */
export function concurrentUpdates({ txns, numAgents }: ConcurrentTrace): Uint8Array[] {
  const agents = Array.from({ length: numAgents }, (_, agent) => ({
    ...recorder(agent + 1),
    known: new Set<number>(),
  }));
  const made: Uint8Array[] = [];
  txns.forEach(({ parents, agent, patches }, index) => {
    const author = agents[agent];
    if (!author) throw new RangeError(`The trace has no agent ${agent}`);
    // Depth first, so that each update is applied after those that it builds on.
    const wanted = [...parents];
    for (let next = wanted.at(-1); next !== undefined; next = wanted.at(-1)) {
      const earlier = author.known.has(next) ? [] : (txns[next]?.parents.filter((txn) => !author.known.has(txn)) ?? []);
      wanted.push(...earlier);
      if (earlier.length > 0) continue;
      wanted.pop();
      if (!author.known.has(next)) Y.applyUpdate(author.doc, made[next] as Uint8Array, 'known');
      author.known.add(next);
    }
    edit(author.doc, patches);
    author.known.add(index);
    made.push(author.updates.pop() as Uint8Array);
  });
  return made;
}

function recorder(clientId: number): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'known') updates.push(update);
  });
  return { doc, updates };
}

function edit(doc: Y.Doc, patches: readonly Patch[]): void {
  const text = doc.getText('text');
  doc.transact(() => {
    for (const [position, deletedCount, inserted] of patches) {
      if (deletedCount > 0) text.delete(position, deletedCount);
      if (inserted !== '') text.insert(position, inserted);
    }
  });
}
