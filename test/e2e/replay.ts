import * as Y from 'yjs';
import { sharedTextName } from '../support/text-writer.ts';
import { applyPatches } from '../support/traces.ts';
import type { ConcurrentTrace } from '../support/traces.ts';

/** One transaction of one agent, as the update that Yjs sends. */
export interface Step {
  readonly update: Uint8Array;
  /** Per agent, the clock up to which their edits must have arrived before this one can be made. */
  readonly needs: readonly number[];
}

export interface Replay {
  /** The client id of each agent. */
  readonly clients: readonly number[];
  /** The transactions of each agent in order. */
  readonly steps: readonly (readonly Step[])[];
  /** The text when all agents have all edits. */
  readonly content: string;
}

/**
 * Converts a trace into updates. The positions of a transaction refer to the document at its parents, but a connected
 * document also receives other edits. So each agent edits in a document of its own, which receives exactly the parents.
 * The result is the updates that the editor of each agent would send.
 */
export function replayOf(txns: ConcurrentTrace['txns'], numAgents: number): Replay {
  const agents = Array.from({ length: numAgents }, (_, agent) => {
    const doc = new Y.Doc();
    doc.clientID = agent + 1;
    // The number of transactions of each agent that it has seen, its own included.
    return {
      doc,
      seen: Array.from({ length: numAgents }, () => 0),
      updates: [] as Uint8Array[],
      steps: [] as Step[],
    };
  });
  // The index of a transaction among those of its agent.
  const order: number[] = [];
  for (const [index, { agent, parents, patches }] of txns.entries()) {
    const self = at(agents, agent);
    for (const parent of parents) {
      const origin = at(txns, parent).agent;
      const other = at(agents, origin);
      // Agents build on their own latest transaction, so a transaction stands for all earlier ones of its agent.
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
    // A transaction without changes still has an index.
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
