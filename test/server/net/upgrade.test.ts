import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { RefusedError } from '../../../server/errors.ts';
import type { WsConnection } from '../../../server/net/ws-connection.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { Deferred } from '../../support/deferred.ts';
import { NetHarness, parseAnswer, readToEnd, RecordingHandler, upgradeRequest } from '../../support/net-harness.ts';
import type { HttpAnswer } from '../../support/net-harness.ts';

async function ask(net: NetHarness, request: Buffer): Promise<HttpAnswer> {
  const socket = await net.socket();
  socket.write(request);
  const answer = parseAnswer(await readToEnd(socket));
  socket.destroy();
  return answer;
}

/** An upgrade request with another first line. */
function withStart(request: Buffer, line: string): Buffer {
  return Buffer.from(request.toString('latin1').replace(/^.*/, line), 'latin1');
}

for (const tls of [false, true]) {
  const over = tls ? 'TLS' : 'plain TCP';

  test(`over ${over}, a refused upgrade gets a status, a JSON reason and the end of the socket (I8)`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const cases: readonly [Buffer, number, string, RegExp][] = [
      [upgradeRequest('/'), 404, 'not-found', /\/sync\/<document>/],
      [upgradeRequest('/sync'), 404, 'not-found', /\/sync\/<document>/],
      [upgradeRequest('/other/doc'), 404, 'not-found', /\/sync\/<document>/],
      [upgradeRequest('/sync/'), 400, 'bad-document-name', /empty/],
      [upgradeRequest('/sync/?token=x'), 400, 'bad-document-name', /empty/],
      [upgradeRequest('/sync/a/../b'), 400, 'bad-document-name', /between slashes/],
      [upgradeRequest('/sync/%zz'), 400, 'bad-document-name', /hex digits/],
      [upgradeRequest(`/sync/${'a'.repeat(256)}`), 400, 'bad-document-name', /longer than 255/],
      [upgradeRequest('/sync/doc', { 'Sec-WebSocket-Key': null }), 400, 'bad-upgrade', /Sec-WebSocket-Key/],
      [upgradeRequest('/sync/doc', { 'Sec-WebSocket-Key': 'short' }), 400, 'bad-upgrade', /Sec-WebSocket-Key/],
      [upgradeRequest('/sync/doc', { 'Sec-WebSocket-Protocol': ',' }), 400, 'bad-upgrade', /Protocol/],
      [
        upgradeRequest('/sync/doc', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }),
        400,
        'bad-upgrade',
        /Sec-WebSocket-Key/,
      ],
      [upgradeRequest('/sync/doc', { Host: null }), 400, 'bad-upgrade', /Host/],
      [withStart(upgradeRequest('/sync/doc'), 'POST /sync/doc HTTP/1.1'), 400, 'bad-upgrade', /method/],
      [withStart(upgradeRequest('/sync/doc'), 'GET /sync/doc HTTP/1.0'), 400, 'bad-upgrade', /HTTP\/1\.1/],
      ...['12', '8', '0', '13, 8', 'x', null].map((version): [Buffer, number, string, RegExp] => [
        upgradeRequest('/sync/doc', { 'Sec-WebSocket-Version': version }),
        426,
        'upgrade-version',
        /13/,
      ]),
    ];
    for (const [request, status, error, reason] of cases) {
      const answer = await ask(net, request);
      assert.equal(answer.status, status, request.toString());
      assert.equal(answer.headers.get('connection'), 'close');
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(Number(answer.headers.get('content-length')), Buffer.byteLength(answer.body));
      const body = JSON.parse(answer.body) as { error: string; reason: string };
      assert.equal(body.error, error);
      assert.match(body.reason, reason);
    }
    assert.equal(net.stats.upgradesRefused.get('bad-document-name'), 5);
    assert.equal(net.connections.size, 0);
  });
}

test('the refusal of an unknown WebSocket version names the supported one', async (t) => {
  const net = await NetHarness.start(t);
  const answer = await ask(net, upgradeRequest('/sync/doc', { 'Sec-WebSocket-Version': '12' }));
  assert.equal(answer.headers.get('sec-websocket-version'), '13');
});

test('input that is not HTTP, or with too large headers, is answered with a status and does not affect others (I6)', async (t) => {
  const net = await NetHarness.start(t);
  const client = new WebSocket(`${net.url}/doc`);
  await once(client, 'open');
  const long = 'x'.repeat(20_000);
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`X-${i}`, 'y']));
  const cases: readonly [Buffer, number][] = [
    [upgradeRequest('/sync/doc', { 'X-Long': long }), 431],
    [upgradeRequest(`/sync/doc?token=${long}`), 431],
    [upgradeRequest('/sync/doc', many), 431],
    [upgradeRequest('/sync/doc', { 'Bad Name': 'x' }), 400],
    [upgradeRequest('/sync/doc', { 'X-Control': 'a\u0000b' }), 400],
    [upgradeRequest('/sync/doc', { 'Content-Length': '1', 'Transfer-Encoding': 'chunked' }), 400],
    [withStart(upgradeRequest('/sync/doc'), 'GET  HTTP/1.1'), 400],
    [withStart(upgradeRequest('/sync/doc'), 'GET /sync/doc HTTP/3.0'), 400],
    [Buffer.from([0x16, 3, 1, 0, 200, 1]), 400],
  ];
  for (const [request, status] of cases) {
    const answer = await ask(net, request);
    assert.equal(answer.status, status, request.toString());
    const { error } = JSON.parse(answer.body) as { error: string };
    assert.equal(error, status === 431 ? 'headers-too-large' : 'bad-request');
  }
  assert.deepEqual(Object.fromEntries(net.stats.requestsUnreadable), { 'headers-too-large': 3, 'bad-request': 6 });
  client.ping();
  await within(guardMs, 'a pong', once(client, 'pong'));
  assert.equal(net.connections.size, 1);
});

test('a refused client that never reads and never hangs up is cut off (I7)', async (t) => {
  const net = await NetHarness.start(t);
  const socket = await net.socket();
  socket.pause();
  socket.write(upgradeRequest('/nowhere'));
  await once(socket, 'readable');
  await within(guardMs, 'the end of the socket on our side', net.listener.close(60_000));
  assert.equal(net.stats.upgradesRefused.get('not-found'), 1);
  socket.destroy();
});

test('refused clients that reset the connection, before or after the response, affect no other client (I6)', async (t) => {
  const net = await NetHarness.start(t);
  for (const path of ['/nowhere', '/sync/', '/sync/%zz']) {
    const early = await net.socket();
    early.write(upgradeRequest(path), () => early.resetAndDestroy());
    const late = await net.socket();
    late.write(upgradeRequest(path));
    await once(late, 'readable');
    late.resetAndDestroy();
  }
  await within(guardMs, 'the end of all sockets', net.listener.close(60_000));
  assert.equal(net.connections.size, 0);
});

test('a refused client that has half-closed its socket still gets the response', async (t) => {
  const net = await NetHarness.start(t);
  const socket = await net.socket();
  socket.end(upgradeRequest('/nowhere'));
  assert.equal(parseAnswer(await readToEnd(socket)).status, 404);
});

test('the handler gets the document, the parameters, the headers and the address', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  const client = new WebSocket(`${net.url}/notes/Überschrift 1?token=a%20b&x=1`, {
    ca: net.ca,
    headers: { 'X-Test': 'yes' },
  });
  await once(client, 'open');
  await net.handler();
  const [request] = net.requests;
  assert.equal(request?.docName, 'notes/Überschrift 1');
  assert.equal(request.params.get('token'), 'a b');
  assert.equal(request.headers['x-test'], 'yes');
  assert.equal(request.address, '127.0.0.1');
  assert.equal(request.secure, true);
});

test('the subprotocol quire is selected if offered, so that a token is never echoed; otherwise the first', async (t) => {
  const net = await NetHarness.start(t);
  const selected = async (...offered: string[]): Promise<string> => {
    const client = new WebSocket(`${net.url}/doc`, offered);
    await once(client, 'open');
    return client.protocol;
  };
  assert.equal(await selected('secret-token', 'quire'), 'quire');
  assert.equal(await selected('yjs', 'other'), 'yjs');
  assert.equal(await selected(), '');
});

test('checks run in order before the upgrade, and the first refusal is the response', async (t) => {
  const ran: string[] = [];
  const net = await NetHarness.start(t, {
    checks: [
      ({ docName }) => {
        ran.push(`first ${docName}`);
      },
      async ({ params }) => {
        ran.push('second');
        await Promise.resolve();
        if (params.get('let') !== 'in') throw new RefusedError('forbidden', 'not from this origin');
      },
      () => {
        ran.push('third');
      },
    ],
  });
  const refused = await ask(net, upgradeRequest('/sync/doc'));
  assert.equal(refused.status, 403);
  assert.deepEqual(JSON.parse(refused.body), { error: 'forbidden', reason: 'not from this origin' });
  assert.deepEqual(ran, ['first doc', 'second']);

  const client = new WebSocket(`${net.url}/doc?let=in`);
  await once(client, 'open');
  assert.equal(ran.at(-1), 'third');
});

test('a check that fails unexpectedly refuses with 500 and does not reveal its error (I6)', async (t) => {
  const net = await NetHarness.start(t, { checks: [() => Promise.reject(new Error('secret'))] });
  const answer = await ask(net, upgradeRequest('/sync/doc'));
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body, /secret/);
});

test('an upgrade whose check never settles is refused at the deadline (I7)', async (t) => {
  const net = await NetHarness.start(t, { checks: [() => new Promise(() => {})], limits: { handshakeTimeoutMs: 50 } });
  assert.equal((await ask(net, upgradeRequest('/sync/doc'))).status, 408);
});

test('a client that vanishes during a check affects no other client (I6)', async (t) => {
  const checking = new Deferred();
  const check = new Deferred();
  const net = await NetHarness.start(t, {
    checks: [
      () => {
        checking.resolve();
        return check.promise;
      },
    ],
  });
  const socket = await net.socket();
  socket.write(upgradeRequest('/sync/doc'));
  await checking.promise;
  socket.resetAndDestroy();
  check.resolve();
  await within(guardMs, 'the end of the socket', net.listener.close(60_000));
  await within(guardMs, 'the end of its connection', net.connections.close({ code: 1001, reason: '' }, 60_000));
});

test('beyond the limit of open connections an upgrade is refused with 503 (I7)', async (t) => {
  const net = await NetHarness.start(t, { limits: { maxConnections: 1 } });
  const client = new WebSocket(`${net.url}/doc`);
  await once(client, 'open');
  const answer = await ask(net, upgradeRequest('/sync/doc'));
  assert.equal(answer.status, 503);
  assert.equal((JSON.parse(answer.body) as { error: string }).error, 'overloaded');
});

test('after stop() each upgrade is refused with 503, even one whose checks were running', async (t) => {
  const checking = new Deferred();
  const check = new Deferred();
  const net = await NetHarness.start(t, {
    checks: [
      () => {
        checking.resolve();
        return check.promise;
      },
    ],
  });
  const running = ask(net, upgradeRequest('/sync/doc'));
  await checking.promise;
  net.upgrade.stop();
  assert.equal((await ask(net, upgradeRequest('/sync/doc'))).status, 503);
  check.resolve();
  assert.equal((await running).status, 503);
});

test('an accept that throws closes the connection with its reason (I8)', async (t) => {
  const net = await NetHarness.start(t, {
    accept: () => {
      throw new RefusedError('grant-ended');
    },
  });
  const client = new WebSocket(`${net.url}/doc`);
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  assert.equal(code, 4501);
  assert.match(reason.toString(), /new token/);
});

for (const tls of [false, true]) {
  test(`over ${tls ? 'TLS' : 'plain TCP'}, writes before the promises of the turn have settled are sent with the response to the upgrade`, async (t) => {
    const hello = Uint8Array.of(0x82, 2, 0x68, 0x69);
    const buffered: number[] = [];
    const write = async (connection: WsConnection): Promise<void> => {
      for (let hop = 0; hop < 10; hop++) await Promise.resolve();
      connection.write(hello);
      buffered.push(connection.bufferedBytes);
    };
    const net = await NetHarness.start(t, {
      tls,
      accept: (connection) => {
        void write(connection);
        return new RecordingHandler(connection);
      },
    });
    const socket = await net.socket();
    socket.write(upgradeRequest('/sync/doc'));
    let received = '';
    while (!received.endsWith('hi')) received += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1');
    socket.destroy();
    assert.match(received, /^HTTP\/1\.1 101 /);
    assert.deepEqual(buffered, [received.length]);
  });
}
