import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { turnBudgetMs } from '../../../server/net/turn-budget.ts';
import { queuedBytes, RequestInput, ticksPerSecond, unreadTicks } from '../../../server/net/request-input.ts';
import type { RequestInputDeps } from '../../../server/net/request-input.ts';
import { within } from '../../support/deadline.ts';
import { NetHarness, parseAnswer, readToEnd, upgradeRequest } from '../../support/net-harness.ts';
import type { NetHarnessOptions } from '../../support/net-harness.ts';
import { randomOf } from '../../support/random.ts';
import { clientFrame } from '../../support/raw-socket.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
// The body contains bytes that look like the end of a header.
const post = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\na\r\n\r\nbcdef`;
const last = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

interface Server {
  readonly net: NetHarness;
  /** The targets of the requests, in order. */
  readonly targets: string[];
}

async function start(
  t: TestContext,
  options: NetHarnessOptions,
  answer: (response: ServerResponse, target: string) => void = (response, target) => response.end(`<${target}>`),
): Promise<Server> {
  const targets: string[] = [];
  const net = await NetHarness.start(t, {
    ...options,
    requests: ({ url = '' }, response) => {
      targets.push(url);
      answer(response, url);
    },
  });
  return { net, targets };
}

async function socketOf(t: TestContext, net: NetHarness): Promise<Socket> {
  const socket = await net.socket();
  t.after(() => socket.destroy());
  return socket;
}

async function until(holds: () => boolean, what: string | (() => string)): Promise<void> {
  const waited = async (): Promise<void> => {
    while (!holds()) await nextTurn();
  };
  await within(60_000, what, waited());
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `/${i}`);

for (const tls of [false, true]) {
  const over = tls ? ' over TLS' : '';

  test(`pipelined requests${over} are answered in order, one at a time, also with bodies between them`, async (t) => {
    let open = 0;
    let most = 0;
    const { net, targets } = await start(t, { tls }, (response, target) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        response.end(`<${target}>`);
      });
    });
    const socket = await socketOf(t, net);
    const paths = numbered(300);
    const requests = paths.map((path, i) => (i % 7 === 3 ? post(path) : get(path)));
    socket.write(requests.join('') + last('/last'));
    const text = await readToEnd(socket);
    assert.deepEqual(targets, [...paths, '/last']);
    assert.deepEqual(
      Array.from(text.matchAll(/<(.*?)>/g), ([, path]) => path),
      targets,
    );
    // The slice that ends a body contains the header of one more request.
    assert.equal(most, 2);
  });

  test(`a handler that needs the whole body gets it, in pieces and pipelined${over}`, async (t) => {
    const net = await NetHarness.start(t, {
      tls,
      requests: (request, response) => {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => (bytes += chunk.length));
        request.on('end', () => response.end(`<${bytes}>`));
      },
    });
    const socket = await socketOf(t, net);
    const header = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n';
    const body = 'x\r\n\r\n'.repeat(20_000);
    socket.write(header);
    await nextTurn();
    socket.write(body.slice(0, 70_000));
    await nextTurn();
    socket.write(body.slice(70_000, 100_000) + header + body.slice(0, 100_000) + last('/last'));
    const text = await readToEnd(socket);
    assert.deepEqual(
      Array.from(text.matchAll(/<(\d+)>/g), ([, bytes]) => bytes),
      ['100000', '100000', '0'],
    );
  });

  test(`requests that arrive byte by byte${over} are answered`, async (t) => {
    const { net, targets } = await start(t, { tls });
    const socket = await socketOf(t, net);
    socket.setNoDelay(true);
    for (const byte of Buffer.from(get('/one') + last('/two'))) {
      socket.write(Uint8Array.of(byte));
      await nextTurn();
    }
    await readToEnd(socket);
    assert.deepEqual(targets, ['/one', '/two']);
  });

  test(`I6: expensive requests of many connections${over} do not exceed the budget of a turn`, async (t) => {
    let inTurn = 0;
    let most = 0;
    const { net, targets } = await start(t, { tls }, (response) => {
      for (const end = performance.now() + turnBudgetMs + 1; performance.now() < end;);
      most = Math.max(most, ++inTurn);
      if (inTurn === 1) setImmediate(() => (inTurn = 0));
      response.end('x');
    });
    const sockets = await Promise.all(Array.from({ length: 5 }, () => socketOf(t, net)));
    for (const socket of sockets)
      socket.resume().write(
        numbered(5)
          .map((path) => get(path))
          .join(''),
      );
    await until(() => targets.length === 25, '25 requests');
    // One of the turn itself, and one that was released at its end.
    assert.ok(most <= 2, `${most} in one turn`);
  });

  test(`a client that reads nothing${over} gets one response, and is cut off after 30 s without progress`, async (t) => {
    const { net, targets } = await start(t, { tls }, (response) => response.end(Buffer.alloc(16 << 20)));
    const socket = await socketOf(t, net);
    socket.pause();
    socket.write(
      numbered(100)
        .map((path) => get(path))
        .join(''),
    );
    await until(() => targets.length > 0, 'a request');
    for (let i = 0; i < 50; i++) await nextTurn();
    assert.equal(targets.length, 1);
    for (let tick = 0; tick < unreadTicks - 10; tick++) net.input.tick();
    assert.equal(net.stats.answersUnread, 0);
    for (let tick = 0; tick < 20; tick++) net.input.tick();
    assert.equal(net.stats.answersUnread, 1);
    socket.resume();
    await readToEnd(socket);
    assert.equal(targets.length, 1);
  });

  test(`a client that reads slowly${over} is not cut off, and gets the whole response`, async (t) => {
    const bytes = 16 << 20;
    const { net } = await start(t, { tls }, (response) => response.end(Buffer.alloc(bytes)));
    const socket = await socketOf(t, net);
    socket.write(get('/large'));
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      // Reading the whole response takes twice the allowed time.
      if (received % (1 << 20) < chunk.length) for (let tick = 0; tick < unreadTicks / 8; tick++) net.input.tick();
    });
    await until(
      () => received > bytes,
      () => `${received} of the answer; cut off: ${net.stats.answersUnread}`,
    );
    assert.equal(net.stats.answersUnread, 0);
  });

  test(`a client that reads a little${over} every 29 s is cut off after 300 s`, async (t) => {
    let served = null as (Socket & { readonly _handle?: object | null }) | null;
    const { net, targets } = await start(t, { tls }, (response) => {
      served = response.socket;
      response.end(Buffer.alloc(128 << 20));
    });
    const socket = await socketOf(t, net);
    socket.pause();
    socket.write(get('/large') + get('/next'));
    await until(() => targets.length > 0, 'a request');
    const { input, stats } = net;
    const queued = (): number => queuedBytes(served?._handle);
    /** Reads until the server notices it, when the kernel accepts more bytes. */
    const readSome = async (): Promise<void> => {
      const before = queued();
      socket.resume();
      while (queued() === before) await nextTurn();
      socket.pause();
      for (let i = 0; i < 20; i++) await nextTurn();
    };
    let seconds = 0;
    while (stats.answersUnread === 0 && seconds < 600) {
      for (let tick = 0; tick < 29 * ticksPerSecond; tick++) input.tick();
      seconds += 29;
      if (stats.answersUnread === 0) await within(60_000, 'a part of the answer', readSome());
    }
    assert.ok(seconds >= 300 && seconds < 330, `cut off after ${seconds} s`);
    assert.equal(stats.limitsReached.get('answer-seconds'), 1);
    assert.equal(input.answering, 0);
    assert.deepEqual(targets, ['/large']);
  });

  test(`a client that reads each of many responses${over} in time is never cut off`, async (t) => {
    const { net } = await start(t, { tls }, (response) => response.end(Buffer.alloc(16 << 20)));
    const socket = await socketOf(t, net);
    const count = 6;
    socket.write(
      numbered(count - 1)
        .map((path) => get(path))
        .join('') + last('/last'),
    );
    let received = 0;
    // A minute for each response.
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received % (1 << 20) < chunk.length) for (let tick = 0; tick < unreadTicks / 8; tick++) net.input.tick();
    });
    await until(
      () => received > count << 24,
      () => `${received} bytes; cut off: ${net.stats.answersUnread}`,
    );
    assert.equal(net.stats.answersUnread, 0);
  });

  test(`beyond the limit for unread responses${over} only the connections with the largest are cut off`, async (t) => {
    const { net, targets } = await start(t, { tls, maxUnreadBytes: 40 << 20 }, (response, target) =>
      response.end(Buffer.alloc(Number(target.slice(1)) << 20)),
    );
    const sizes = [16, 24, 20];
    const sockets = await Promise.all(sizes.map(() => socketOf(t, net)));
    for (const [i, socket] of sockets.entries()) socket.pause().write(get(`/${sizes[i]}`));
    await until(() => targets.length === 3, 'three requests');
    net.input.tick();
    // The response of 24 MB is gone.
    const leftMb = net.input.unreadBytes / 2 ** 20;
    assert.ok(leftMb > 35 && leftMb < 37, `${leftMb} MB`);
    assert.equal(net.stats.answersUnread, 1);
    assert.equal(net.stats.limitsReached.get('unread-answers'), 1);
    net.input.tick();
    assert.equal(net.stats.answersUnread, 1);
  });

  for (const request of [get('/doc'), upgradeRequest('/sync/doc').toString()]) {
    const kind = request.includes('Upgrade') ? 'an upgrade' : 'a request';
    test(`${kind}${over} with two Host headers gets 400, and the same one with one does not`, async (t) => {
      const { net, targets } = await start(t, { tls });
      for (const second of ['Host: localhost', 'host: other', 'HOST:']) {
        const socket = await socketOf(t, net);
        socket.write(request.replace('\r\n', `\r\n${second}\r\n`));
        const { status, body } = parseAnswer(await readToEnd(socket));
        assert.equal(status, 400);
        assert.deepEqual(JSON.parse(body), { error: 'bad-request', reason: 'more than one Host header' });
      }
      assert.deepEqual(targets, []);
      assert.equal(net.connections.size, 0);
      assert.equal(net.stats.requestsUnreadable.get('bad-request'), 3);
    });
  }

  test(`a request, an upgrade and frames in one write${over} are all answered`, async (t) => {
    const { net, targets } = await start(t, { tls });
    const socket = await socketOf(t, net);
    socket.resume();
    const frames = ['one', 'two'].map((text) => clientFrame(0x82, Buffer.from(text)));
    socket.write(Buffer.concat([Buffer.from(get('/before')), upgradeRequest('/sync/doc'), ...frames]));
    const handler = await net.handler();
    await until(() => handler.messages.length === 2, 'two messages');
    assert.deepEqual(handler.messages, ['one', 'two']);
    assert.deepEqual(targets, ['/before']);
  });
}

test('input that is not a request gets 400 once, in pieces of any size, and the rest is dropped', async (t) => {
  const random = randomOf(t);
  const { net, targets } = await start(t, {});
  for (let i = 0; i < 20; i++) {
    const socket = await socketOf(t, net);
    socket.write(get('/fine') + 'nonsense\r\n\r\n'.repeat(1 + random.below(20)) + get('/never'));
    const text = await readToEnd(socket);
    assert.equal(text.match(/HTTP\/1\.1 400/g)?.length, 1, text);
  }
  assert.deepEqual(new Set(targets), new Set(['/fine']));
});

test('clients that leave at random points of half-read responses leave no state behind', async (t) => {
  const random = randomOf(t);
  const { net, targets } = await start(t, {}, (response) => response.end(Buffer.alloc(random.below(1 << 20))));
  for (let i = 0; i < 30; i++) {
    const socket = await socketOf(t, net);
    socket.write(
      numbered(1 + random.below(20))
        .map((path) => get(path))
        .join('')
        .slice(0, -random.below(30) || undefined),
    );
    for (let turns = random.below(10); turns > 0; turns--) await nextTurn();
    if (random.below(2) === 0) socket.resume();
    for (let turns = random.below(10); turns > 0; turns--) await nextTurn();
    if (random.below(2) === 0) socket.resetAndDestroy();
    else socket.destroy();
  }
  await until(() => net.input.answering === 0, 'the end of every answer');
  const socket = await socketOf(t, net);
  const before = targets.length;
  socket.resume().write(get('/after'));
  await until(() => targets.length > before, 'another request');
});

test('the constructor starts no timer, and start() starts one', (t) => {
  const timers = t.mock.method(globalThis, 'setInterval');
  const input = new RequestInput({} as RequestInputDeps);
  assert.equal(timers.mock.callCount(), 0);
  input.start();
  input.start();
  assert.equal(timers.mock.callCount(), 1);
  input.stop();
});

test('I6: an error while unread responses are checked ends only that connection', async (t) => {
  const sockets: Socket[] = [];
  const { net, targets } = await start(t, {}, (response) => void sockets.push(response.req.socket));
  const [broken, other] = [await socketOf(t, net), await socketOf(t, net)];
  broken.write(get('/broken'));
  await until(() => targets.length === 1, 'the first request');
  other.write(get('/other'));
  await until(() => targets.length === 2, 'the second request');
  const socket = sockets[0]!;
  Object.defineProperty(socket, 'writableLength', {
    configurable: true,
    get: () => {
      Reflect.deleteProperty(socket, 'writableLength');
      throw new Error('broken');
    },
  });
  net.input.tick();
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [true, false],
  );
});
