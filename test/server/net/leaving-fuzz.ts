import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness, upgradeRequest } from '../../support/net-harness.ts';
import type { RecordingHandler } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';
import type { Random } from '../../support/random.ts';
import { clientFrame } from '../../support/raw-socket.ts';
import { computeForATurn } from '../../support/turn-blocker.ts';

/** How a client may end its connection. With `none` the end depends on the bytes that were sent. */
const ends = ['none', 'FIN', 'RST', 'destroy', 'terminate', 'pause and RST'] as const;

interface Leaver {
  readonly socket: Socket;
  readonly handler: RecordingHandler;
  /** All bytes that the client sends. */
  readonly bytes: Buffer;
  /** The messages before the first close frame or broken frame. */
  readonly messages: readonly string[];
  readonly end: (typeof ends)[number];
  sent: number;
}

/** A script of messages, some of which take the time of a turn, pings, close frames and broken frames. */
function anyScript(random: Random, name: string): Pick<Leaver, 'bytes' | 'messages' | 'end'> {
  const frames: Buffer[] = [];
  const messages: string[] = [];
  let isOver = false;
  for (let i = 0, count = random.below(12); i < count; i++) {
    const kind = random.below(12);
    if (kind === 0) {
      frames.push(
        clientFrame(0x88, random.pick([Buffer.alloc(0), Buffer.from([3, 232]), Buffer.from([3, 233, 0x78])])),
      );
      isOver = true;
    } else if (kind === 1) {
      frames.push(clientFrame(0x89, Buffer.from('ping')));
    } else if (kind === 2 && random.below(4) === 0) {
      frames.push(Buffer.from('GET / HTTP'));
      isOver = true;
    } else {
      const weight = random.below(6) === 0 ? 'heavy' : 'light';
      const text = `${name} ${i} ${weight} ${'x'.repeat(random.pick([0, 100, 20_000]))}`;
      frames.push(clientFrame(0x82, Buffer.from(text)));
      if (!isOver) messages.push(text);
    }
  }
  const end = isOver ? random.pick(ends) : random.pick(ends.slice(1));
  const bytes = Buffer.concat(frames);
  // Half a frame, unless the end depends on all bytes.
  const cut = end === 'none' || random.below(3) > 0 ? 0 : random.below(Math.min(30, bytes.length + 1));
  return { bytes: bytes.subarray(0, bytes.length - cut), messages, end };
}

function leave({ socket, handler, end }: Leaver): void {
  if (end === 'FIN') socket.end();
  else if (end === 'terminate') handler.connection.terminate();
  else if (end === 'destroy' || 'encrypted' in socket) socket.destroy();
  else if (end !== 'none') {
    if (end === 'pause and RST') handler.connection.pause();
    socket.resetAndDestroy();
  }
}

/**
 * Clients leave at random points of busy turns. Each connection is closed once and no longer counted. Its handler has
 * got a prefix of its messages, or all of them if the client did not cut off the connection.
 */
export async function leaveAtRandom(owner: Owner, random: Random, tls: boolean, rounds: number): Promise<void> {
  const net = await NetHarness.start(owner, { tls, limits: { closeTimeoutMs: 200 } });
  let made = 0;
  for (let round = 0; round < rounds; round++) {
    const leavers: Leaver[] = [];
    for (let i = 0, count = 2 + random.below(8); i < count; i++) {
      const socket = await net.socket();
      owner.after(() => void socket.destroy());
      socket.on('end', () => socket.end());
      socket.write(upgradeRequest('/sync/doc'));
      await once(socket, 'data');
      socket.resume();
      const handler = await net.handler(made++);
      handler.onMessage = (data) => {
        if (Buffer.from(data).includes('heavy')) computeForATurn();
      };
      leavers.push({ socket, handler, ...anyScript(random, `${round}/${i}`), sent: 0 });
    }
    const left = new Set(leavers);
    while (left.size > 0) {
      const leaver = random.pick([...left]);
      const { socket, bytes, handler } = leaver;
      const length = Math.min(bytes.length - leaver.sent, random.pick([3, 500, 70_000]));
      if (length > 0) socket.write(bytes.subarray(leaver.sent, leaver.sent + length));
      leaver.sent += length;
      if (random.below(10) === 0) handler.connection.pause();
      if (random.below(4) === 0) handler.connection.resume();
      if (random.below(3) === 0) await nextTurn();
      if (leaver.sent < bytes.length) continue;
      left.delete(leaver);
      leave(leaver);
    }
    for (const { handler } of leavers) handler.connection.resume();
    await within(
      guardMs,
      () => leavers.flatMap(({ handler, end }) => (handler.closings.length === 1 ? [] : [end])).join(', '),
      Promise.all(leavers.map(({ handler }) => handler.closedOnce)),
    );
    await nextTurn();
    assert.equal(net.connections.size, 0);
    for (const { handler, messages, end } of leavers) {
      assert.equal(handler.closings.length, 1, end);
      const got = handler.messages;
      const expected = messages.slice(0, got.length);
      assert.deepEqual(got, expected, end);
    }
  }
}
