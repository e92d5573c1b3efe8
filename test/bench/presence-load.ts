import * as decoding from 'lib0/decoding';
import { within } from '../support/deadline.ts';
import { encodeFrame } from '../support/frames.ts';
import { LoadClient } from './clients/load-client.ts';
import type { Endpoint } from './servers/target.ts';

const deadlineMs = 120_000;
/** The first client id of people, far from the ids of writers. */
const firstId = 1_000_000;

interface Person {
  readonly id: number;
  readonly client: LoadClient;
  clock: number;
  /** When each state was announced, by clock, in milliseconds. */
  readonly sentMs: number[];
  /** The latest known clock of each person, by index. */
  readonly known: Int32Array;
}

/**
 * Users in a room who move their cursors. Their clients send back the new states that they receive, as stock clients
 * do. A run counts only if at the end all clients have the latest state of all others. Older states may be skipped.
 */
export class PresenceLoad {
  readonly people: readonly Person[];
  readonly latenciesMs: number[] = [];
  /** The number of pairs in which one client lacks the latest state of the other. */
  #missing = 0;
  #settle: ((failure: Error | null) => void) | null = null;
  #failure: Error | null = null;
  #isEnding = false;

  /** Resolves when all clients are connected and have the states of all others. */
  static async open(endpoint: Endpoint, room: string, count: number): Promise<PresenceLoad> {
    const clients: LoadClient[] = [];
    for (let index = 0; index < count; index++) clients.push(await LoadClient.open(endpoint, room));
    const load = new PresenceLoad(clients);
    for (const person of load.people) load.move(person);
    await load.complete();
    load.latenciesMs.length = 0;
    return load;
  }

  private constructor(clients: readonly LoadClient[]) {
    this.people = clients.map((client, index) => {
      const known = new Int32Array(clients.length);
      return { id: firstId + index, client, clock: 0, sentMs: [], known };
    });
    for (const person of this.people) {
      person.client.onAwareness = (message, payload): void => this.#receive(person, message, payload);
      void person.client.closed.then((why) => {
        if (this.#isEnding) return;
        this.#failure = new Error(`A person was closed: ${why}`);
        this.#settle?.(this.#failure);
      });
    }
  }

  move(person: Person): void {
    const index = person.id - firstId;
    for (const other of this.people) if (other.known[index] === person.clock && other !== person) this.#missing++;
    person.clock++;
    person.known[index] = person.clock;
    person.sentMs[person.clock] = performance.now();
    person.client.announce(
      encodeFrame({ type: 'awareness', entries: [{ client: person.id, clock: person.clock, state: stateOf(person) }] }),
    );
  }

  /** Resolves when all clients have the latest states of all others. */
  async complete(): Promise<void> {
    const all = new Promise<void>((resolve, reject) => {
      this.#settle = (failure): void => {
        if (failure) reject(failure);
        else resolve();
      };
    });
    if (this.#failure || this.#missing === 0) this.#settle?.(this.#failure);
    await within(deadlineMs, () => `${this.#missing} states that a client lacks`, all);
  }

  close(): void {
    this.#isEnding = true;
    for (const { client } of this.people) client.terminate();
  }

  #receive(person: Person, message: Uint8Array, payload: Uint8Array): void {
    const nowMs = performance.now();
    const decoder = decoding.createDecoder(payload);
    decoding.readVarUint(decoder); // bytes
    let isNew = false;
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const index = decoding.readVarUint(decoder) - firstId;
      const clock = decoding.readVarUint(decoder);
      const length = decoding.readVarUint(decoder);
      const isNull = length === 4 && payload[decoder.pos] === 0x6e;
      decoder.pos += length;
      const other = this.people[index];
      if (!other) continue;
      if (other === person) {
        // A nudge: stock clients announce themselves again, with the clock that it names or the next one.
        if (isNull && clock >= person.clock) this.#insist(person, clock);
        else if (clock > person.clock) this.#insist(person, clock - 1);
        continue;
      }
      const known = person.known[index] ?? 0;
      if (isNull || clock <= known) continue;
      isNew = true;
      person.known[index] = clock;
      this.latenciesMs.push(nowMs - (other.sentMs[clock] ?? NaN));
      if (clock === other.clock && --this.#missing === 0) this.#settle?.(this.#failure);
    }
    if (isNew) person.client.announce(message);
  }

  #insist(person: Person, clock: number): void {
    person.clock = Math.max(person.clock, clock);
    this.move(person);
  }
}

/** The state of an editor, with positions in the form that all stock bindings send. */
function stateOf({ id, clock }: Person): string {
  const user = { name: `Person ${id}`, color: '#30bced', colorLight: '#30bced33' };
  const position = { type: null, tname: null, item: { client: id, clock }, assoc: 0 };
  return JSON.stringify({ user, cursor: { anchor: position, head: position } });
}
