import * as Y from 'yjs';
import { sharedTextName } from '../support/text-writer.ts';
import { applyPatches } from '../support/traces.ts';
import type { ConcurrentTrace } from '../support/traces.ts';

/** One transaction of one agent, as the update that Yjs sends for it. */
export interface Step {
  readonly update: Uint8Array;
  /** Per agent, the clock up to which their edits must be there before this one can have been made. */
  readonly needs: readonly number[];
}

export interface Replay {
  /** The client id under which each agent writes. */
  readonly clients: readonly number[];
  /** Per agent, their transactions in order. */
  readonly steps: readonly (readonly Step[])[];
  /** The text when everybody has everything. */
  readonly content: string;
}

/**
 * Turns a trace into updates. Its positions count in the document as it was at a transaction's parents, while a document
 * that is connected moves on by itself; so each agent edits in a document of their own, which takes from the others
 * exactly what the parents name. What comes out is what each agent's editor would send.
 */
export function replayOf(txns: ConcurrentTrace['txns'], numAgents: number): Replay {
  const agents = Array.from({ length: numAgents }, (_, agent) => {
    const doc = new Y.Doc();
    doc.clientID = agent + 1;
    // How many transactions of each agent it has seen, its own included.
    return {
      doc,
      seen: Array.from({ length: numAgents }, () => 0),
      updates: [] as Uint8Array[],
      steps: [] as Step[],
    };
  });
  // The number of a transaction among those of its agent.
  const order: number[] = [];
  for (const [index, { agent, parents, patches }] of txns.entries()) {
    const self = at(agents, agent);
    for (const parent of parents) {
      const origin = at(txns, parent).agent;
      const other = at(agents, origin);
      // Everybody builds on their own latest, so a transaction stands for all earlier ones of its agent.
      for (let next = at(self.seen, origin); next <= at(order, parent); next++) {
        Y.applyUpdate(self.doc, at(other.updates, next));
        self.seen[origin] = next + 1;
      }
    }
    const needs = agents.map((_, other) => Y.getState(self.doc.store, other + 1));
    const before = self.updates.length;
    const record = (update: Uint8Array): number => self.updates.push(update);
    self.doc.on('update', record);
    self.doc.transact(() => applyPatches(self.doc.getText(sharedTextName), patches));
    self.doc.off('update', record);
    // A transaction that changes nothing still has its place.
    if (self.updates.length === before) self.updates.push(Uint8Array.of(0, 0));
    self.steps.push({ update: at(self.updates, before), needs });
    order[index] = before;
    self.seen[agent] = before + 1;
  }
  const all = new Y.Doc();
  for (const { doc } of agents) Y.applyUpdate(all, Y.encodeStateAsUpdate(doc));
  return {
    clients: agents.map((_, agent) => agent + 1),
    steps: agents.map(({ steps }) => steps),
    content: all.getText(sharedTextName).toJSON(),
  };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`Nothing at ${index}`);
  return item;
}
