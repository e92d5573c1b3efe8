/** Clients of several dialects join one room. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import type { Codec } from '../../../../server/sync/protocol/codec.ts';
import { answerSyncStep1 } from '../../../../server/sync/join/join.ts';
import type { JoinSink } from '../../../../server/sync/join/join.ts';
import type { Room } from '../../../../server/sync/room/room.ts';
import { CountingCodec } from '../../../support/counting-codec.ts';
import { decodeWrite } from '../../../support/fake-connection.ts';
import { FakeLog } from '../../../support/fake-log.ts';
import { FakeOffload } from '../../../support/fake-offload.ts';
import { RoomFixture } from '../../../support/room-fixture.ts';
import { randomOf } from '../../../support/random.ts';
import { largeText, Typist } from '../../../support/shared-text.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';

const rounds = 4;

class Sink implements JoinSink {
  readonly codec: Codec;
  readonly ended = false;
  readonly writes: Uint8Array[] = [];

  constructor(codec: Codec) {
    this.codec = codec;
  }

  write(frames: Uint8Array): void {
    this.writes.push(frames);
  }

  async whenDrained(): Promise<void> {}
}

/** Joins with this document and applies the answer to it. */
async function join(room: Room, codec: Codec, { doc }: Typist): Promise<void> {
  const sink = new Sink(codec);
  await answerSyncStep1(room, Y.encodeStateVector(doc), sink, new FakeOffload(), () => {});
  for (const frame of sink.writes.flatMap(decodeWrite)) {
    assert.ok(frame.type === 'update' || frame.type === 'sync-step-2');
    Y.applyUpdate(doc, frame.update);
  }
}

/** Joins in turns with the codecs. `known` are the edits that each client has. */
async function joinInTurns(room: Room, codecs: readonly Codec[], known: readonly Uint8Array[]): Promise<Typist[]> {
  const clients: Typist[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const codec of codecs) {
      const client = new Typist().hear(...known);
      await join(room, codec, client);
      clients.push(client);
    }
  }
  return clients;
}

test('clients of two codecs that join in turns cost one encoding of snapshot and tail per codec', async (t) => {
  const writer = largeText(randomOf(t), 200);
  const stored = storedSnapshot(writer.updates, 200, 2 * 1024);
  const log = new FakeLog();
  log.store('doc', [writer.type('x'.repeat(20_000))], stored);
  const { room } = await RoomFixture.load(t, log);
  const codecs = [new CountingCodec(), new CountingCodec()];
  const clients = await joinInTurns(room, codecs, []);
  for (const client of clients) assert.equal(client.text, writer.text);
  const messages = stored.data.length + 1;
  assert.deepEqual(
    codecs.map(({ encodings }) => encodings),
    [messages, messages],
  );
});

test('clients of two codecs that reconnect in turns with the same part cost one answer per codec', async (t) => {
  const writer = new Typist();
  const log = new FakeLog();
  log.store('doc', writer.work(60));
  const { room } = await RoomFixture.load(t, log);
  const codecs = [new CountingCodec(), new CountingCodec()];
  const clients = await joinInTurns(room, codecs, writer.updates.slice(0, 40));
  for (const client of clients) assert.equal(client.text, writer.text);
  assert.deepEqual(
    codecs.map(({ encodings }) => encodings),
    [1, 1],
  );
});
