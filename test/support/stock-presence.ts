import { applyAwarenessUpdate, Awareness, removeAwarenessStates } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { emptyStateVector, encodeEntries } from './frames.ts';
import type { FakeClient, SyncHarness } from './sync-harness.ts';

type Change = Readonly<Record<'added' | 'updated' | 'removed', readonly number[]>>;

/** The presence of a stock client (y-protocols and y-websocket), on a session without a socket. */
export class StockPresence {
  readonly awareness: Awareness;
  /**
   * The client ids that a page knows from `change` events, its own included. An id that comes back is `updated`, not
   * `added`, because its clock is known.
   */
  readonly listed = new Set<number>();
  /** How often the page was told that its own client has left. */
  farewells = 0;
  /** How often it has announced its own state since this was last reset. */
  announcements = 0;
  readonly #harness: SyncHarness;
  #client: FakeClient | null = null;

  constructor(harness: SyncHarness, clientId: number, state: Record<string, unknown> = { user: `person ${clientId}` }) {
    this.#harness = harness;
    const doc = new Y.Doc();
    doc.clientID = clientId;
    this.awareness = new Awareness(doc);
    this.awareness.setLocalState(state);
    this.listed.add(clientId);
    this.awareness.on('change', ({ added, updated, removed }: Change) => {
      for (const client of [...added, ...updated]) this.listed.add(client);
      for (const client of removed) {
        this.listed.delete(client);
        if (client === clientId && this.awareness.getLocalState() !== null) this.farewells++;
      }
    });
    this.awareness.on('update', ({ added, updated, removed }: Change) =>
      this.#send([...added, ...updated, ...removed]),
    );
  }

  get id(): number {
    return this.awareness.clientID;
  }

  /** Whether this client shows the other one with its current state. */
  sees(other: StockPresence): boolean {
    const shown = this.awareness.getStates().get(other.id);
    return shown !== undefined && JSON.stringify(shown) === JSON.stringify(other.awareness.getLocalState());
  }

  async connect(): Promise<void> {
    this.#client = await this.#harness.live();
    this.#client.answer();
    this.#client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    this.#send([this.id]);
  }

  /** Loses the connection. The provider forgets all other states at once, but not their clocks. */
  disconnect(): void {
    const client = this.#client;
    this.#client = null;
    client?.vanish();
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.id);
    removeAwarenessStates(this.awareness, others, 'provider');
  }

  /** Announces its state again, as clients do every 15 s. */
  renew(): void {
    this.awareness.setLocalState(this.awareness.getLocalState());
  }

  /** Moves its clock ahead, as after a sleep. Other clients seem to have been silent for more than 30 s. */
  loseSightOf(...others: readonly StockPresence[]): void {
    removeAwarenessStates(
      this.awareness,
      others.map(({ id }) => id),
      'timeout',
    );
  }

  /** Reads the messages that have arrived. Returns whether there were any. */
  read(): boolean {
    const frames = this.#client?.takeOf('awareness') ?? [];
    for (const { entries } of frames) applyAwarenessUpdate(this.awareness, encodeEntries(entries), 'provider');
    return frames.length > 0;
  }

  #send(clients: readonly number[]): void {
    const entries = clients.map((client) => ({
      client,
      clock: this.awareness.meta.get(client)!.clock,
      state: JSON.stringify(this.awareness.getStates().get(client) ?? null),
    }));
    if (clients.includes(this.id)) this.announcements++;
    this.#client?.send({ type: 'awareness', entries });
  }
}

/** Delivers messages between the clients and the server until there are none. */
export async function talk(harness: SyncHarness, people: readonly StockPresence[]): Promise<void> {
  do await harness.settle();
  while (people.map((person) => person.read()).includes(true));
}
