import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { within } from '../../support/deadline.ts';
import { NetHarness, upgradeRequest } from '../../support/net-harness.ts';
import type { RecordingHandler } from '../../support/net-harness.ts';
import { clientFrame } from '../../support/raw-socket.ts';
import { blockTurns } from '../../support/turn-blocker.ts';

const edit = (text: string): Buffer => clientFrame(0x82, Buffer.from(text));
const closeFrame = (code: number): Buffer => clientFrame(0x88, Buffer.from([code >>> 8, code & 0xff]));
const ping = clientFrame(0x89, Buffer.from('ping'));
const halfEdit = edit('never whole').subarray(0, -3);
const [firstHalf, secondHalf] = [closeFrame(1000).subarray(0, 3), closeFrame(1000).subarray(3)];

interface Script {
  readonly name: string;
  /** Written one after the other, with turns of the event loop between them. */
  readonly writes: readonly Buffer[];
  readonly messages: readonly string[];
  /** The code that the handler gets; null if it depends on the end of the socket. */
  readonly code: number | null;
  /** The connection closes only when the socket ends. */
  readonly needsEnd?: true;
}

const texts = ['one', 'two', 'three'];
const scripts: readonly Script[] = [
  ...[0, 1, 2, 3].map((at) => ({
    name: `a close frame after ${at} of 3 messages`,
    writes: [Buffer.concat([...texts.slice(0, at).map(edit), closeFrame(1000), ...texts.slice(at).map(edit)])],
    messages: texts.slice(0, at),
    code: 1000,
  })),
  ...[1, 2].map((at) => ({
    name: `a close frame in another chunk, after ${at} messages`,
    writes: [Buffer.concat(texts.slice(0, at).map(edit)), closeFrame(1001)],
    messages: texts.slice(0, at),
    code: 1001,
  })),
  { name: 'a close frame without a code', writes: [clientFrame(0x88, Buffer.alloc(0))], messages: [], code: 1005 },
  { name: 'a ping and a close frame', writes: [Buffer.concat([ping, closeFrame(1000)])], messages: [], code: 1000 },
  { name: 'two close frames', writes: [closeFrame(1000), closeFrame(1001)], messages: [], code: 1000 },
  { name: 'a close frame in two chunks', writes: [edit('one'), firstHalf, secondHalf], messages: ['one'], code: 1000 },
  {
    name: 'a close frame and half a frame',
    writes: [Buffer.concat([closeFrame(1000), halfEdit])],
    messages: [],
    code: 1000,
  },
  {
    name: 'a broken frame',
    writes: [Buffer.concat([edit('one'), Buffer.from('GET / HTTP')])],
    messages: ['one'],
    code: null,
  },
  {
    name: 'a broken frame and a close frame',
    writes: [Buffer.from('GET / HTTP'), closeFrame(1000)],
    messages: [],
    code: null,
  },
  {
    name: 'half a frame',
    writes: [Buffer.concat([edit('one'), halfEdit])],
    messages: ['one'],
    code: null,
    needsEnd: true,
  },
  {
    name: 'half a frame in three chunks',
    writes: [halfEdit.subarray(0, 4), halfEdit.subarray(4, 9), halfEdit.subarray(9)],
    messages: [],
    code: null,
    needsEnd: true,
  },
  { name: 'messages only', writes: [edit('one'), edit('two')], messages: ['one', 'two'], code: null, needsEnd: true },
  { name: 'nothing', writes: [], messages: [], code: null, needsEnd: true },
];

const ends = {
  none: () => {},
  FIN: (socket: Socket) => void socket.end(),
  RST: (socket: Socket) => void ('encrypted' in socket ? socket.destroy() : socket.resetAndDestroy()),
};

interface Leaver {
  readonly script: Script;
  readonly end: keyof typeof ends;
  readonly isPaused: boolean;
  readonly socket: Socket;
  readonly handler: RecordingHandler;
}

for (const tls of [false, true]) {
  for (const busyTurns of [0, 1, 4]) {
    const name = `clients that leave ${tls ? 'over TLS ' : ''}${busyTurns === 0 ? 'in idle turns' : `while ${busyTurns} turns are busy`}`;
    test(`${name} are gone, each told once, with every message before the end`, async (t) => {
      const net = await NetHarness.start(t, { tls, limits: { closeTimeoutMs: 200 } });
      const leavers: Leaver[] = [];
      for (const script of scripts) {
        for (const end of ['none', 'FIN', 'RST'] as const) {
          if (end === 'none' && script.needsEnd) continue;
          for (const isPaused of [false, true]) {
            const socket = await net.socket();
            t.after(() => socket.destroy());
            socket.on('end', () => socket.end());
            socket.write(upgradeRequest('/sync/doc'));
            await once(socket, 'data');
            socket.resume();
            const handler = await net.handler(leavers.length);
            leavers.push({ script, end, isPaused, socket, handler });
          }
        }
      }
      for (const { handler, isPaused } of leavers) if (isPaused) handler.connection.pause();

      const unblocked = blockTurns(net.connections.turn, busyTurns);
      for (let i = 0; i < 3; i++) {
        for (const { socket, script } of leavers) {
          const bytes = script.writes[i];
          if (bytes !== undefined) socket.write(bytes);
        }
        await nextTurn();
      }
      for (const { socket, end } of leavers) ends[end](socket);
      await unblocked;
      for (const { handler, isPaused } of leavers) if (isPaused) handler.connection.resume();

      const left = (): string =>
        leavers
          .filter(({ handler }) => handler.closings.length !== 1)
          .map(({ script, end, isPaused }) => `${script.name}, ${end}${isPaused ? ', paused' : ''}`)
          .join('; ');
      await within(60_000, left, Promise.all(leavers.map(({ handler }) => handler.closedOnce)));
      assert.equal(net.connections.size, 0);
      assert.equal(left(), '');
      for (const { script, end, isPaused, handler } of leavers) {
        const which = `${script.name}, ${end}${isPaused ? ', paused' : ''}`;
        // A reset may overtake what was sent before it.
        const expected = end === 'RST' ? script.messages.slice(0, handler.messages.length) : script.messages;
        assert.deepEqual(handler.messages, expected, which);
        if (end !== 'RST' && script.code !== null) assert.equal(handler.closings[0]?.code, script.code, which);
      }
    });
  }
}
