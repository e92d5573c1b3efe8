import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { emptyUpdate, encodeFrame } from '../support/frames.ts';
import { Disposer } from '../support/owner.ts';
import { clientFrame, RawSocket } from '../support/raw-socket.ts';
import { Siege } from '../support/siege.ts';
import { TextWriter } from '../support/text-writer.ts';

const maxMessageBytes = 20 * 1024 * 1024;
/** FIN with opcode binary; opcode binary and continuation without FIN. */
const binary = 0x82;
const fragment = { first: 0x02, next: 0x00 };

suite('frames that no client sends', () => {
  const owner = new Disposer();
  let siege: Siege;
  before(async () => {
    siege = await Siege.start(owner);
  });
  after(() => owner.dispose());

  test('I8: text is refused with 4400', async (t) => {
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('frames');
      attacker.sendText('hello');
      assert.deepEqual(await attacker.closed, { code: 4400, reason: 'binary frames only' });
    });
  });

  const message = encodeFrame({ type: 'update', update: new TextWriter(1).type('x') });
  const malformed = [
    ['an empty message', Uint8Array.of()],
    ['an unknown type', Uint8Array.of(4)],
    ['an unknown sync message', Uint8Array.of(0, 3, 0)],
    ['a type of 2^53', Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1)],
    ['a number without end', new Uint8Array(1_000_000).fill(0xff)],
    ['bytes after the message', Buffer.concat([message, Uint8Array.of(0)])],
    ['half a message', message.subarray(0, message.length - 1)],
    ['an update of nothing', Uint8Array.of(0, 2, 0)],
    ['a word of the server', Uint8Array.of(2, 0, 0)],
    ['a state vector of 33 million clients', Uint8Array.of(0, 0, 4, 0x80, 0x80, 0x80, 0x10)],
    ['a probe of 1 MB', encodeFrame({ type: 'probe', payload: new Uint8Array(1_000_000) })],
    ['4 MB of noise', randomBytes(4_000_000)],
  ] as const;
  test('I8: a frame that is not a valid message is refused with 4400', async (t) => {
    await siege.attack(t, async () => {
      for (const [what, bytes] of malformed) {
        const { code, reason } = await siege.closing('frames', bytes);
        assert.equal(code, 4400, `${what}: ${reason}`);
      }
    });
    assert.equal((await siege.read('frames')).store.clients.size, 0);
  });

  const unreadable = [
    ['noise', 1002, new Uint8Array(4096).fill(0xff)],
    ['HTTP', 1002, Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame without mask', 1002, Uint8Array.of(binary, 1, 3)],
    ['a compressed frame', 1002, clientFrame(binary | 0x40, Uint8Array.of(3))],
    ['a continuation of nothing', 1002, clientFrame(fragment.next, Uint8Array.of(3))],
    ['a ping of 126 bytes', 1002, clientFrame(0x89, new Uint8Array(126))],
    ['a length beyond the limit', 1009, clientFrame(binary, Uint8Array.of(0), maxMessageBytes + 1)],
    ['text that is not UTF-8', 1007, clientFrame(0x81, Uint8Array.of(0xff))],
  ] as const;
  test('I8: input that is not a WebSocket frame is refused with the code of RFC 6455', async (t) => {
    await siege.attack(t, async () => {
      for (const [what, code, bytes] of unreadable) {
        const socket = await RawSocket.open(`${siege.quire.url}/frames`);
        socket.sendBytes(bytes);
        assert.equal(await socket.closeCode(), code, what);
      }
    });
  });

  test('I7: an incomplete message takes only the memory of its bytes, and 100,000 fragments are refused', async (t) => {
    const sockets: RawSocket[] = [];
    const effect = await siege.attack(t, async () => {
      for (let i = 0; i < 100; i++) {
        const socket = await RawSocket.open(`${siege.quire.url}/frames`);
        socket.sendBytes(clientFrame(binary, Uint8Array.of(0, 2), maxMessageBytes));
        sockets.push(socket);
      }
    });
    for (const socket of sockets) socket.destroy();
    assert.ok(effect.grownBytes < 10_000_000, `${effect.grownBytes}`);
    await siege.attack(t, async () => {
      const socket = await RawSocket.open(`${siege.quire.url}/frames`);
      const next = clientFrame(fragment.next, Uint8Array.of(0));
      socket.sendBytes(clientFrame(fragment.first, Uint8Array.of(0)));
      socket.sendBytes(Buffer.concat(Array.from({ length: 100_000 }, () => next)));
      assert.ok([1008, 1009].includes((await socket.closeCode()) ?? 0));
    });
  });

  test('I7 I8: a thousand probes are answered, and those above the limit are refused', async (t) => {
    const probe = encodeFrame({ type: 'probe', payload: Uint8Array.of(1) });
    await siege.attack(t, async () => {
      const asking = await siege.attacker('probes');
      for (let i = 0; i < 1000; i++) asking.sendBytes(probe);
      for (let i = 0; i < 1000; i++) await asking.next('probe');
      asking.terminate();

      // No probe is answered before the client has answered the SyncStep1.
      const silent = await RawSocket.open(`${siege.quire.url}/probes`);
      for (let i = 0; i < 1001; i++) silent.sendBytes(clientFrame(binary, probe));
      assert.equal(await silent.closeCode(), 4529);
    });
  });

  test('I7: requests and pings of a client that does not read the answers are bounded', async (t) => {
    const author = await siege.attacker('unread');
    await author.sync();
    author.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: JSON.stringify('x'.repeat(16_000)) }] });
    await author.pinged();
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => clientFrame(0x89, new Uint8Array(100))));
    const effect = await siege.attack(t, async () => {
      const attacker = await siege.attacker('unread', { onFrame: () => {} });
      attacker.pauseReading();
      for (let i = 0; i < 4_000; i++) attacker.send({ type: 'query-awareness' });
      await siege.ended('too-slow');
      attacker.terminate();
      const pinging = await RawSocket.open(`${siege.quire.url}/unread`);
      pinging.sendBytes(pings);
      await author.saved();
      pinging.destroy();
    });
    author.terminate();
    assert.ok(effect.grownBytes < 5_000_000, `${effect.grownBytes}`);
  });

  test('I6: messages that arrive before the document is loaded wait, within bounds', async (t) => {
    await siege.attack(t, async () => {
      const flood = clientFrame(binary, encodeFrame({ type: 'sync-step-2', update: emptyUpdate }));
      const socket = await RawSocket.open(`${siege.quire.url}/early`);
      socket.sendBytes(Buffer.concat(Array.from({ length: 15_000 }, () => flood)));
      socket.sendBytes(clientFrame(0x88, Uint8Array.of(3, 232)));
      assert.equal(await socket.closeCode(), 1000);
    });
  });
});
