import { within } from '../support/deadline.ts';
import { textRanges } from '../support/text-ranges.ts';
import { TextWriter } from '../support/text-writer.ts';
import { LoadClient } from './clients/load-client.ts';
import type { Endpoint } from './servers/target.ts';

/** Some servers need minutes for a workload that others finish in seconds. */
const deadlineMs = 120_000;

/** A client that writes. Every edit is one character, so the clock counts the edits. */
export interface Writer {
  readonly peer: Peer;
  readonly text: TextWriter;
  /** When each edit was sent, by clock, in milliseconds. */
  readonly sentMs: number[];
  /** The number of edits that have come back to their author. */
  echoed: number;
}

export interface RoomShape {
  readonly writers: number;
  readonly readers: number;
  /** The state vector of the peers, empty by default. With one, edits of other clients do not fail the run. */
  readonly stateVector?: Uint8Array;
}

/**
 * The clients of one room, with a count of what each has received. A run counts only if every peer, including the
 * author, has received every edit once and in order. A duplicate edit or one out of order fails the run, and a missing
 * one makes `complete` reject.
 */
export class RoomLoad {
  readonly writers: readonly Writer[];
  readonly peers: readonly Peer[];
  /** The time from sending to receipt in milliseconds, for each edit and peer. */
  readonly latenciesMs: number[] = [];
  deliveries = 0;
  /** Called after edits of a writer have come back to their author. */
  onEcho: ((writer: Writer) => void) | null = null;
  readonly #byClient = new Map<number, Writer>();
  #settle: ((failure: Error | null) => void) | null = null;
  readonly #knowsAll: boolean;
  #failure: Error | null = null;
  #isEnding = false;

  /**
   * Resolves when all clients are connected and, unless the server is a relay, synced. Client ids begin at
   * `firstClient`.
   */
  static async open(endpoint: Endpoint, room: string, shape: RoomShape, firstClient: number): Promise<RoomLoad> {
    const options = shape.stateVector ? { stateVector: shape.stateVector } : {};
    const count = shape.writers + shape.readers;
    const clients = await Promise.all(Array.from({ length: count }, () => LoadClient.open(endpoint, room, options)));
    return new RoomLoad(clients, shape, firstClient);
  }

  private constructor(clients: readonly LoadClient[], shape: RoomShape, firstClient: number) {
    const peers = clients.map((client) => ({ client, received: new Map<number, number>() }));
    this.peers = peers;
    this.#knowsAll = shape.stateVector === undefined;
    this.writers = peers.slice(0, shape.writers).map((peer, index) => {
      const writer = { peer, text: new TextWriter(firstClient + index), sentMs: [], echoed: 0 };
      this.#byClient.set(writer.text.client, writer);
      return writer;
    });
    for (const peer of peers) {
      peer.client.onUpdate = (update) => this.#receive(peer, update);
      void peer.client.closed.then((why) => {
        if (!this.#isEnding) this.#fail(new Error(`A peer was closed: ${why}`));
      });
    }
  }

  get sent(): number {
    return this.writers.reduce((sum, { text }) => sum + text.clock, 0);
  }

  type(writer: Writer): void {
    writer.sentMs.push(performance.now());
    writer.peer.client.edit(writer.text.type('x'));
  }

  /** Resolves when every peer has received all edits. Nothing may be sent afterwards. */
  async complete(timeoutMs = deadlineMs): Promise<void> {
    const all = new Promise<void>((resolve, reject) => {
      this.#settle = (failure) => {
        if (failure) reject(failure);
        else resolve();
      };
    });
    this.#check();
    await within(timeoutMs, () => `${this.#missing} of ${this.sent * this.peers.length} deliveries`, all);
  }

  close(): void {
    this.#isEnding = true;
    for (const { client } of this.peers) client.terminate();
  }

  get #missing(): number {
    return this.sent * this.peers.length - this.deliveries;
  }

  #receive(peer: Peer, update: Uint8Array): void {
    const nowMs = performance.now();
    for (const { client, start, end } of textRanges(update)) {
      const writer = this.#byClient.get(client);
      if (!writer) {
        if (this.#knowsAll) return this.#fail(new Error(`An edit of an unknown client: ${client}`));
        continue;
      }
      const expected = peer.received.get(client) ?? 0;
      if (start !== expected) return this.#fail(new Error(`Edit ${start} of ${client} came, not ${expected}`));
      if (end > writer.text.clock) return this.#fail(new Error(`Edit ${end - 1} of ${client} came before it was sent`));
      peer.received.set(client, end);
      this.deliveries += end - start;
      for (let clock = start; clock < end; clock++) this.latenciesMs.push(nowMs - (writer.sentMs[clock] ?? NaN));
      if (writer.peer === peer) {
        writer.echoed = end;
        this.onEcho?.(writer);
      }
    }
    if (this.#settle) this.#check();
  }

  #check(): void {
    if (this.#failure || this.#missing === 0) this.#settle?.(this.#failure);
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#settle?.(this.#failure);
  }
}

/** One client of a room. */
interface Peer {
  readonly client: LoadClient;
  /** By writer, the clock up to which all edits have arrived. */
  readonly received: Map<number, number>;
}
