import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { randomOf } from '../support/random.ts';
import { RawClient } from '../support/raw-client.ts';
import { Promised } from './promised.ts';
import { RoomUnderFire } from './room-under-fire.ts';

export interface CrashOptions {
  readonly kills: number;
  /** New rooms are used after this many kills, so that documents do not grow without bound. */
  readonly killsPerRoom: number;
}

const rooms = 2;
const maxWritingMs = 150;

/**
 * Kills the server repeatedly while raw clients write as fast as they can. Asserts I1 and I2: every edit that a client
 * had received, and every edit before an answered probe, is there after the restart, although none of these clients
 * reconnects.
 */
export async function crashWhileWriting(t: TestContext, options: CrashOptions): Promise<void> {
  const random = randomOf(t);
  const quire = await Quire.start(t, { tls: 'off', args: ['--log-level', 'warn'] });
  let promised: Promised[] = [];
  let firstClient = 1;
  let total = 0;
  for (let kill = 0; kill < options.kills; kill++) {
    if (kill % options.killsPerRoom === 0) promised = Array.from({ length: rooms }, () => new Promised());
    const generation = Math.floor(kill / options.killsPerRoom);
    const names = promised.map((_, room) => `crash-${generation}-${room}`);
    const writing = await Promise.all(
      promised.map((room, index) =>
        RoomUnderFire.open(`${quire.url}/${names[index]}`, room, firstClient + index * 100),
      ),
    );
    firstClient += 1_000;
    for (const room of writing) room.write();
    await within(guardMs, 'a first edit in every room', Promise.all(writing.map((room) => room.begun)));
    await paced(random.below(maxWritingMs));
    await quire.process.kill();
    await Promise.all(writing.map((room) => room.ended()));
    await quire.restart();
    for (const [index, room] of promised.entries()) {
      const missing = room.missingIn(await readAll(`${quire.url}/${names[index]}`));
      assert.equal(missing.length, 0, `after kill ${kill + 1}, room ${index}: ${missing.slice(0, 10).join(', ')}`);
    }
    total = promised.reduce((sum, { count }) => sum + count, 0);
  }
  t.diagnostic(`${options.kills} kills, ${total} edits were promised in the last rooms`);
}

/** Resolves with the document that a new client receives. */
async function readAll(url: string): Promise<Promised> {
  const found = new Promised();
  const reader = await RawClient.open(url);
  for (const update of await reader.sync()) found.takeUpdate(update);
  reader.terminate();
  return found;
}
