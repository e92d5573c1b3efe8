import { guardMs, within } from '../support/deadline.ts';
import type { Frame } from '../support/frames.ts';
import { emptyStateVector } from '../support/frames.ts';
import { RawClient } from '../support/raw-client.ts';
import type { RawClientOptions } from '../support/raw-client.ts';
import { textRanges } from '../support/text-ranges.ts';
import { TextWriter } from '../support/text-writer.ts';
import type { Promised } from './promised.ts';

const writersPerRoom = 3;
const observersPerRoom = 2;
/** The most edits of one writer that the server has not echoed yet. */
const windowEdits = 60;
const editsPerErase = 7;
const editsPerProbe = 25;

interface Writer {
  readonly text: TextWriter;
  readonly client: RawClient;
  /** The number of characters that the server has echoed. */
  seen: number;
  /** For each unanswered probe, the number of characters written before it. */
  readonly probed: number[];
}

/** Writers and observers of one room, until the server ends. */
export class RoomUnderFire {
  readonly begun: Promise<void>;
  readonly #promised: Promised;
  readonly #trust: Pick<RawClientOptions, 'ca'>;
  readonly #clients: RawClient[] = [];
  readonly #writers: Writer[] = [];
  #begin: () => void = () => {};

  /** `ca` is the certificate authority to trust over wss, PEM. */
  static async open(url: string, promised: Promised, firstClient: number, ca?: string): Promise<RoomUnderFire> {
    const room = new RoomUnderFire(promised, ca);
    for (let peer = 0; peer < writersPerRoom + observersPerRoom; peer++) {
      const synced = room.#add(url, peer < writersPerRoom ? firstClient + peer : null);
      await within(guardMs, `SyncStep2 for peer ${peer} of ${url}`, synced);
    }
    return room;
  }

  private constructor(promised: Promised, ca: string | undefined) {
    this.#promised = promised;
    this.#trust = ca === undefined ? {} : { ca };
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  write(): void {
    for (const writer of this.#writers) this.#fill(writer);
  }

  /** Resolves when all sockets are closed and everything that arrived is recorded. */
  async ended(): Promise<void> {
    await within(guardMs, 'the end of all sockets', Promise.all(this.#clients.map(({ closed }) => closed)));
  }

  #add(url: string, writerId: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      let writer: Writer | undefined;
      const hear = (frame: Frame): void => {
        if (frame.type === 'sync-step-2' || frame.type === 'update') this.#promised.takeUpdate(frame.update);
        if (frame.type === 'sync-step-2') resolve();
        if (frame.type === 'update' && writer) this.#advance(writer, frame.update);
        if (frame.type === 'probe' && writer) {
          const end = writer.probed.shift() ?? 0;
          this.#promised.inserted({ client: writer.text.client, start: 0, end });
        }
      };
      RawClient.open(url, { ...this.#trust, onFrame: hear }).then((client) => {
        this.#clients.push(client);
        if (writerId !== null) {
          writer = { text: new TextWriter(writerId), client, seen: 0, probed: [] };
          this.#writers.push(writer);
        }
        client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
      }, reject);
    });
  }

  #advance(writer: Writer, update: Uint8Array): void {
    this.#begin();
    for (const { client, end } of textRanges(update)) {
      if (client === writer.text.client) writer.seen = Math.max(writer.seen, end);
    }
    this.#fill(writer);
  }

  #fill({ text, client, seen, probed }: Writer): void {
    while (client.isOpen && text.clock < seen + windowEdits) {
      client.edit(text.type('x'));
      if (text.clock % editsPerErase === 0) client.edit(text.erase(text.clock - 1, 1));
      if (text.clock % editsPerProbe === 0) {
        client.send({ type: 'probe', payload: Uint8Array.of(1) });
        probed.push(text.clock);
      }
    }
  }
}
