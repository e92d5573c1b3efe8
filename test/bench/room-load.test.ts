import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRelay } from '../support/relay.ts';
import { TextWriter } from '../support/text-writer.ts';
import { RoomLoad } from './room-load.ts';

test('a run is complete if every edit has reached every peer, and has a latency for each delivery', async (t) => {
  const { url } = await startRelay(t);
  const room = await RoomLoad.open({ url, dialect: 'relay' }, 'a', { writers: 2, readers: 3 }, 1);
  t.after(() => room.close());
  for (let edit = 0; edit < 20; edit++) for (const writer of room.writers) room.type(writer);
  await room.complete();
  assert.equal(room.deliveries, 2 * 20 * 5);
  assert.equal(room.latenciesMs.length, room.deliveries);
  assert.ok(room.latenciesMs.every((latencyMs) => latencyMs >= 0));
});

test('a run is void if an edit is missing, duplicated or of an unknown client, or if a peer was closed', async (t) => {
  const { url, process: relay } = await startRelay(t);
  const open = async (name: string): Promise<{ room: RoomLoad; stranger: RawClient; type: () => void }> => {
    const room = await RoomLoad.open({ url, dialect: 'relay' }, name, { writers: 1, readers: 1 }, 1);
    const stranger = await RawClient.open(`${url}/${name}`);
    t.after(() => room.close());
    t.after(() => stranger.terminate());
    return { room, stranger, type: () => room.writers.forEach((writer) => room.type(writer)) };
  };

  const doubled = await open('doubled');
  doubled.type();
  const { update } = await doubled.stranger.next('update');
  doubled.stranger.edit(update);
  await doubled.stranger.next('update');
  doubled.type();
  await assert.rejects(doubled.room.complete(), /Edit 0 of 1 came, not 1/);

  const missing = await open('missing');
  for (const writer of missing.room.writers) writer.text.type('lost');
  missing.type();
  await assert.rejects(missing.room.complete(), /Edit 4 of 1 came, not 0/);

  const alone = await RoomLoad.open({ url, dialect: 'relay' }, 'last', { writers: 1, readers: 0 }, 1);
  t.after(() => alone.close());
  for (const writer of alone.writers) {
    alone.type(writer);
    writer.text.type('x');
  }
  const delivered = async (): Promise<void> => {
    while (alone.deliveries < 1) await paced(5);
  };
  await within(guardMs, 'the first delivery', delivered());
  await assert.rejects(alone.complete(300), /1 of 2 deliveries/);

  const unknown = await open('unknown');
  unknown.stranger.edit(new TextWriter(9).type('x'));
  unknown.type();
  await assert.rejects(unknown.room.complete(), /an edit of an unknown client/i);

  const closed = await open('closed');
  await relay.kill();
  closed.type();
  await assert.rejects(closed.room.complete(), /A peer was closed: /);
});
