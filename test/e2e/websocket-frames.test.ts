import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { decodeFrame, encodeFrame } from '../support/frames.ts';
import { metricsOf } from '../support/metrics.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { clientFrame } from '../support/raw-socket.ts';
import { RawClient } from '../support/raw-client.ts';
import { TextWriter } from '../support/text-writer.ts';
import { bytesOf } from '../support/update-bytes.ts';
import { opcode, WireSocket } from '../support/wire-socket.ts';

const fin = 0x80;
const binary = fin | opcode.binary;
const ping = fin | opcode.ping;
const close = fin | opcode.close;
/** A request for the document. Its answer shows that the message has arrived. */
const question = encodeFrame({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });

/** A frame with its length in more bytes than necessary. */
function longFrame(...length: readonly number[]): Uint8Array {
  return Uint8Array.of(binary, 0xff, ...length, 0, 0, 0, 0);
}

function closeFrame(code: number, reason: Uint8Array = Uint8Array.of()): Uint8Array {
  return clientFrame(close, Buffer.concat([Uint8Array.of(code >>> 8, code & 0xff), reason]));
}

/** Resolves when the next request is answered. */
async function answered(socket: WireSocket): Promise<void> {
  for (;;) {
    const { payload } = await socket.next(opcode.binary);
    if (decodeFrame(payload).type === 'sync-step-2') return;
  }
}

suite('WebSocket frames over TLS, as RFC 6455 has them', () => {
  const owner = new Disposer();
  let quire: Quire;
  let bystander: RawClient;
  const writer = new TextWriter(1);

  before(async () => {
    quire = await Quire.start(owner, { args: ['--log-level', 'info'] });
    bystander = await RawClient.open(`${quire.wssUrl}/bystander`, { ca: quire.ca });
    await bystander.sync();
  });
  after(() => owner.dispose());

  /** The response of the server to these bytes. */
  async function endAfter(...bytes: readonly Uint8Array[]): Promise<{ code: number | null; reason: string }> {
    const socket = await WireSocket.open(quire, 'frames');
    socket.send(...bytes);
    const { code, reason } = await socket.end();
    return { code, reason };
  }

  async function refusals(error: string): Promise<number> {
    return (await metricsOf(quire)).get(`quire_connections_refused_total{error="${error}"}`) ?? 0;
  }

  /** Saves an edit of the bystander, which shows that its connection is open and the server works. */
  async function nobodyElseNoticed(): Promise<void> {
    bystander.edit(writer.type('x'));
    await bystander.saved();
  }

  const small = clientFrame(binary, question);
  const brokenFrames: readonly (readonly [what: string, code: number, ...bytes: readonly Uint8Array[]])[] = [
    ...[0x40, 0x20, 0x10, 0x70].map(
      (bits) => [`reserved bits ${bits}`, 1002, clientFrame(binary | bits, question)] as const,
    ),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (reserved) => [`opcode ${reserved}`, 1002, clientFrame(fin | reserved, question)] as const,
    ),
    ['reserved bits in a ping', 1002, clientFrame(ping | 0x40, Uint8Array.of())],
    ['no mask', 1002, Uint8Array.of(binary, question.length, ...question)],
    ['a ping without mask', 1002, Uint8Array.of(ping, 0)],
    ['a close without mask', 1002, Uint8Array.of(close, 2, 3, 232)],
    ['a ping in fragments', 1002, clientFrame(opcode.ping, Uint8Array.of())],
    ['a pong in fragments', 1002, clientFrame(opcode.pong, Uint8Array.of())],
    ['a close in fragments', 1002, clientFrame(opcode.close, Uint8Array.of(3, 232))],
    ['a ping of 126 bytes', 1002, clientFrame(ping, new Uint8Array(126))],
    ['a pong of 65,536 bytes', 1002, clientFrame(fin | opcode.pong, new Uint8Array(65_536))],
    ['a close of 126 bytes', 1002, closeFrame(1000, new Uint8Array(124).fill(0x61))],
    ['a close of one byte', 1002, clientFrame(close, Uint8Array.of(3))],
    ['a close whose reason is not UTF-8', 1007, closeFrame(1000, Uint8Array.of(0xc3, 0x28))],
    ['a close whose reason ends within a character', 1007, closeFrame(1000, Uint8Array.of(0xf0, 0x9f, 0x99))],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
      (code) => [`the close code ${code}`, 1002, closeFrame(code)] as const,
    ),
    ['a continuation of nothing', 1002, clientFrame(fin | opcode.continuation, question)],
    ['a continuation of a message that has ended', 1002, small, clientFrame(opcode.continuation, question)],
    ['a message within a message', 1002, clientFrame(opcode.binary, question), small],
    ['a text within a message', 1002, clientFrame(opcode.binary, question), clientFrame(fin | opcode.text, question)],
  ];
  test('I8: an invalid frame closes the connection with its code and a reason, and is counted', async () => {
    const counted = await refusals('bad-frame');
    // All at the same time, because the server delays repeated closes.
    await Promise.all(
      brokenFrames.map(async ([what, code, ...bytes]) =>
        assert.deepEqual(await endAfter(...bytes), { code, reason: 'bad WebSocket frame' }, what),
      ),
    );
    assert.equal(await refusals('bad-frame'), counted + brokenFrames.length);
    assert.match(quire.process.output, /"error":"bad-frame".*"connection refused"/);
    await nobodyElseNoticed();
  });

  const tooLarge: readonly (readonly [what: string, ...bytes: readonly Uint8Array[]])[] = [
    ['2^63 bytes', longFrame(0x80, 0, 0, 0, 0, 0, 0, 0)],
    ['2^64 - 1 bytes', longFrame(255, 255, 255, 255, 255, 255, 255, 255)],
    ['2^53 bytes', longFrame(0, 0x20, 0, 0, 0, 0, 0, 0)],
    ['4 GB', longFrame(0, 0, 0, 1, 0, 0, 0, 0)],
    ['fragments that are too much together', clientFrame(opcode.binary, question), clientFrame(fin, question, 2 ** 30)],
  ];
  test('I7 I8: a frame above the size limit is refused before its payload arrives', async () => {
    const counted = await refusals('message-too-large');
    await Promise.all(
      tooLarge.map(async ([what, ...bytes]) =>
        assert.deepEqual(await endAfter(...bytes), { code: 1009, reason: 'message too large' }, what),
      ),
    );
    assert.equal(await refusals('message-too-large'), counted + tooLarge.length);
    await nobodyElseNoticed();
  });

  test('I8: text is refused with 4400, and with 1007 if it is not UTF-8, in fragments as well', async () => {
    const refused = { code: 4400, reason: 'binary frames only' };
    assert.deepEqual(await endAfter(clientFrame(fin | opcode.text, Buffer.from('ä'))), refused);
    const cut = Buffer.from('ä');
    const [first, second] = [cut.subarray(0, 1), cut.subarray(1)];
    assert.deepEqual(await endAfter(clientFrame(opcode.text, first), clientFrame(fin, second)), refused);
    assert.equal((await endAfter(clientFrame(fin | opcode.text, first))).code, 1007);
    assert.equal((await endAfter(clientFrame(opcode.text, first), clientFrame(fin, first))).code, 1007);
    await nobodyElseNoticed();
  });

  test('a close is answered with its code, and input after it is not read', async () => {
    const codes = [1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999];
    for (const code of codes) {
      assert.deepEqual(await endAfter(closeFrame(code, Buffer.from('bye 🙂'))), { code, reason: 'bye 🙂' });
    }
    assert.deepEqual(await endAfter(clientFrame(close, Uint8Array.of())), { code: null, reason: '' });
    assert.equal((await endAfter(closeFrame(1000), small, Buffer.alloc(100, 0xff))).code, 1000);
    await nobodyElseNoticed();
  });

  test('a ping is answered with its payload, even between the fragments of a message; a pong is not answered', async () => {
    const socket = await WireSocket.open(quire, 'frames');
    for (const length of [0, 1, 125]) {
      const payload = Buffer.alloc(length, 'p');
      socket.send(clientFrame(ping, payload));
      assert.deepEqual((await socket.next(opcode.pong)).payload, payload);
    }
    socket.send(clientFrame(fin | opcode.pong, Buffer.from('unasked')));
    socket.send(clientFrame(opcode.binary, question.subarray(0, 1)), clientFrame(ping, Buffer.from('between')));
    assert.equal((await socket.next(opcode.pong)).payload.toString(), 'between');
    socket.send(clientFrame(fin, question.subarray(1)));
    await answered(socket);
    socket.destroy();
  });

  test('a message may arrive in thousands of fragments, some of them empty', async () => {
    const stateVector = bytesOf(2_000, ...Array.from({ length: 2_000 }, (_, i) => [i, 1]).flat());
    const message = encodeFrame({ type: 'sync-step-1', stateVector });
    const socket = await WireSocket.open(quire, 'frames');
    const [first = 0, ...rest] = message;
    const fragments = rest.flatMap((byte) => [
      clientFrame(opcode.continuation, Uint8Array.of(byte)),
      clientFrame(opcode.continuation, Uint8Array.of()),
    ]);
    socket.send(clientFrame(opcode.binary, Uint8Array.of()), clientFrame(opcode.continuation, Uint8Array.of(first)));
    socket.send(...fragments, clientFrame(fin, Uint8Array.of()));
    await answered(socket);
    socket.destroy();
  });

  test('frames may be split at every byte, and many may arrive in one TLS record', async () => {
    const socket = await WireSocket.open(quire, 'frames');
    // With a mask that is not zero, and lengths in one byte, in two and in eight.
    for (const frame of [masked(small), mediumFrame(), longFrame(0, 0, 0, 0, 0, 0, 0, question.length)]) {
      socket.sendByteByByte(frame[1] === 0xff ? Buffer.concat([frame, question]) : frame);
      await answered(socket);
    }
    socket.send(...Array.from({ length: 5 }, () => small));
    for (let i = 0; i < 5; i++) await answered(socket);
    socket.destroy();
  });

  test('I8: a client that ends its socket without a close frame has left, and is counted as 1006', async () => {
    const gone = async (): Promise<number> =>
      (await metricsOf(quire)).get('quire_connections_closed_total{code="1006"}') ?? 0;
    const before = await gone();
    const socket = await WireSocket.open(quire, 'frames');
    socket.send(clientFrame(opcode.binary, question));
    socket.halfClose();
    assert.equal((await socket.end()).sentClose, false);
    assert.equal(await gone(), before + 1);
    await nobodyElseNoticed();
  });
});

/** The frame with another mask. The original mask is zero. */
function masked(frame: Uint8Array): Uint8Array {
  const mask = [0x37, 0xfa, 0x21, 0x3d];
  const payload = frame.subarray(6).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([frame.subarray(0, 2), Uint8Array.from(mask), payload]);
}

/** A request of 200 bytes, whose length takes two bytes. */
function mediumFrame(): Uint8Array {
  const stateVector = bytesOf(100, ...Array.from({ length: 100 }, (_, i) => [i, 1]).flat());
  return clientFrame(binary, encodeFrame({ type: 'sync-step-1', stateVector }));
}
