import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import * as Y from 'yjs';
import { guardMs, paced, within } from '../support/deadline.ts';
import { decodeFrame, emptyUpdate, encodeFrame } from '../support/frames.ts';
import type { Frame } from '../support/frames.ts';
import { HeldDisk, heldDiskArgs } from '../support/held-disk.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import { randomOf } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { clientFrame } from '../support/raw-socket.ts';
import { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { sharedTextName, TextWriter } from '../support/text-writer.ts';
import { struct, updateOf } from '../support/update-bytes.ts';
import { opcode, WireSocket } from '../support/wire-socket.ts';
import { Promised } from './promised.ts';

/** How a client may end its connection. Only `none` leaves the end to the close frame that was sent. */
const ends = ['none', 'FIN', 'reset', 'destroy'] as const;

/** 455 KB of small structs. They are scanned on the event loop, and take more than the budget of a turn. */
const heavyUpdate = updateOf([
  { client: 9, clock: 0, structs: Array.from({ length: 65_000 }, (_, i) => heavyStruct(i)) },
]);

function heavyStruct(clock: number): Uint8Array {
  return clock === 0 ? struct.text('x') : struct.textAfter(9, clock - 1, 'x');
}

interface Leaver {
  readonly socket: WireSocket;
  readonly writer: TextWriter;
  /** Everything that the client sends. */
  readonly bytes: Buffer;
  /** The end of the characters that were sent before each probe. */
  readonly probes: readonly number[];
  readonly end: (typeof ends)[number];
  sent: number;
}

/** A script of edits, probes, presence, pings and close frames, cut anywhere. */
function anyScript(random: Random, writer: TextWriter): Pick<Leaver, 'bytes' | 'probes' | 'end'> {
  const frames: Buffer[] = [];
  const probes: number[] = [];
  const send = (frame: Frame): void => void frames.push(clientFrame(0x82, encodeFrame(frame)));
  const announce = (clock: number, state: string | null): void =>
    send({ type: 'awareness', entries: [{ client: writer.client, clock, state }] });
  let isOver = false;
  // The answer to the server's SyncStep1, without which no probe is answered.
  send({ type: 'sync-step-2', update: emptyUpdate });
  announce(1, '{"user":{"name":"ann"}}');
  for (let i = 0, count = random.below(20); i < count; i++) {
    const kind = random.below(12);
    if (kind === 0) {
      frames.push(
        clientFrame(0x88, random.pick([Buffer.alloc(0), Buffer.from([3, 232]), Buffer.from([3, 233, 0x78])])),
      );
      isOver = true;
    } else if (kind === 1) frames.push(clientFrame(0x89, Buffer.from('ping')));
    else if (kind === 2) announce(i + 2, random.below(4) === 0 ? null : `{"user":{"name":"ann"},"at":${i}}`);
    else if (kind < 5) {
      // Probes after a close frame are never answered.
      send({ type: 'probe', payload: Uint8Array.of(probes.length) });
      probes.push(writer.clock);
    } else send({ type: 'update', update: writer.type('x'.repeat(random.pick([1, 1, 5, 20_000]))) });
  }
  const end = isOver ? random.pick(ends) : random.pick(ends.slice(1));
  const bytes = Buffer.concat(frames);
  const cut = end === 'none' || random.below(3) > 0 ? 0 : random.below(Math.min(30, bytes.length + 1));
  return { bytes: bytes.subarray(0, bytes.length - cut), probes, end };
}

function leave({ socket, end }: Leaver): void {
  if (end === 'FIN') socket.halfClose();
  else if (end === 'reset') socket.reset();
  else if (end === 'destroy') socket.destroy();
}

/** One document that clients leave while the turns of the server are busy. */
class Site {
  /** A client that stays. */
  readonly stays: StockClient;
  /** The edits that any client has received, or that were acknowledged to their writer. */
  readonly promised = new Promised();
  readonly name: string;
  readonly #quire: Quire;
  #busy: RawClient;

  static async open(quire: Quire, name: string): Promise<Site> {
    const busy = await RawClient.open(`${quire.url}/busy`);
    await busy.sync();
    const site = new Site(quire, name, busy);
    await site.stays.synced();
    return site;
  }

  private constructor(quire: Quire, name: string, busy: RawClient) {
    this.#quire = quire;
    this.name = name;
    this.#busy = busy;
    this.stays = new StockClient(quire.url, name, { maxBackoffTime: 200 });
    this.stays.doc.on('update', (update: Uint8Array) => this.promised.takeUpdate(update));
    // A client that drops silent users by itself would hide a mistake of the server.
    this.stays.stopRenewing();
  }

  /** Sends an update of another document that takes more than a turn of the server. */
  makeBusy(): void {
    this.#busy.edit(heavyUpdate);
  }

  /** Kills the server and starts it again. */
  async restart(): Promise<void> {
    const quire = this.#quire;
    await quire.process.kill();
    await quire.restart();
    this.#busy = await RawClient.open(`${quire.url}/busy`);
    await this.#busy.sync();
  }

  /** Takes note of the edits that a client knows to be saved. */
  promise({ socket, writer: { client }, probes }: Leaver): void {
    for (const { opcode: kind, payload } of socket.frames) {
      if (kind !== opcode.binary) continue;
      const frame = decodeFrame(payload);
      if (frame.type === 'update' || frame.type === 'sync-step-2') this.promised.takeUpdate(frame.update);
      if (frame.type !== 'probe') continue;
      this.promised.inserted({ client, start: 0, end: probes[frame.payload[0] ?? 0] ?? 0 });
    }
  }

  /** Asserts that the clients that left are gone from presence, and that the client that stays has the document. */
  async check(markerId: number): Promise<void> {
    const { stays, name } = this;
    await sessionsOf(this.#quire, 2);
    // Presence is relayed in order. So the state of the marker comes after everything about the clients that left.
    const marker = await RawClient.open(`${this.#quire.url}/${name}`);
    marker.send({ type: 'awareness', entries: [{ client: markerId, clock: 1, state: '{}' }] });
    marker.edit(new TextWriter(markerId).type('m'));
    await marker.saved();
    const { awareness } = stays.provider;
    await stays.untilAware(() => awareness.getStates().has(markerId), 'the presence of the marker');
    const present = [...awareness.getStates().keys()].filter((id) => id !== stays.doc.clientID);
    assert.deepEqual(present, [markerId], 'clients that left are present');
    await stays.until(() => Y.getState(stays.doc.store, markerId) === 1, 'the edit of the marker');
    const doc = new Y.Doc();
    for (const update of await marker.sync()) Y.applyUpdate(doc, update);
    assert.equal(stays.content, doc.getText(sharedTextName).toJSON(), 'a client does not converge');
    marker.terminate();
  }

  close(): void {
    this.#busy.terminate();
    this.stays.destroy();
  }
}

async function sessionsOf(quire: Quire, expected: number): Promise<void> {
  let found: unknown;
  const reached = async (): Promise<void> => {
    for (;;) {
      const metrics = await metricsOf(quire);
      found = ['quire_connections', 'quire_sessions'].map((name) => metrics.get(name));
      if (isDeepStrictEqual(found, [expected, expected])) return;
      await paced(20);
    }
  };
  await within(guardMs, () => `${expected} connections and sessions; there are ${String(found)}`, reached());
}

/**
 * Clients leave a real server at random points of busy turns. Afterwards the numbers of connections and sessions are
 * right, the clients that left are gone from presence, a stock client converges, and every edit that was received or
 * acknowledged is on disk. The disk is held in some rounds, and every other round kills the server.
 */
export async function leaveServerAtRandom(t: TestContext, rounds: number): Promise<void> {
  const random = randomOf(t);
  const quire = await Quire.start(t, {
    args: ['--log-level', 'warn', '--idle-room-timeout', '100ms'],
    nodeArgs: heldDiskArgs,
  });
  let disk = await HeldDisk.attach(t, quire);
  const promised = new Map<string, Promised>();
  let client = 1;
  let kills = 0;
  for (let round = 0; round < rounds; round++) {
    const site = await Site.open(quire, `people-${round}`);
    t.after(() => site.close());
    promised.set(site.name, site.promised);
    const leavers = await Promise.all(
      Array.from({ length: 2 + random.below(8) }, async (): Promise<Leaver> => {
        const writer = new TextWriter(client++);
        const script = anyScript(random, writer);
        const socket = await WireSocket.open(quire, site.name, { tls: random.below(2) === 0 });
        t.after(() => socket.destroy());
        return { socket, writer, ...script, sent: 0 };
      }),
    );
    const left = new Set(leavers);
    site.makeBusy();
    while (left.size > 0) {
      const leaver = random.pick([...left]);
      const { socket, bytes } = leaver;
      if (random.below(20) === 0) site.makeBusy();
      if (random.below(100) === 0) await disk.hold();
      const length = Math.min(bytes.length - leaver.sent, random.pick([3, 500, 70_000]));
      if (length > 0) socket.send(bytes.subarray(leaver.sent, leaver.sent + length));
      leaver.sent += length;
      if (random.below(3) === 0) await nextTurn();
      if (random.below(10) === 0) await paced(random.below(20));
      if (leaver.sent < bytes.length) continue;
      left.delete(leaver);
      leave(leaver);
    }
    if (round % 2 === 0) {
      await paced(random.below(50));
      kills++;
      await site.restart();
      disk = await HeldDisk.attach(t, quire);
    } else await disk.release();
    const ended = Promise.all(leavers.map(({ socket }) => socket.ended));
    await within(guardMs, 'the end of every socket', ended);
    for (const leaver of leavers) site.promise(leaver);
    await site.check(client++);
    site.close();
    await sessionsOf(quire, 0);
  }
  await quire.process.kill();
  await quire.restart();
  let edits = 0;
  for (const [name, known] of promised) {
    const found = new Promised();
    const reader = await RawClient.open(`${quire.url}/${name}`);
    for (const update of await reader.sync()) found.takeUpdate(update);
    reader.terminate();
    assert.deepEqual(known.missingIn(found).slice(0, 10), [], `${name} lost edits`);
    edits += known.count;
  }
  t.diagnostic(`${kills} kills, ${edits} edits were promised`);
  assert.deepEqual(await quire.process.stop(), { code: 0, signal: null });
}
