/** Plain HTTP on a port with TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness, parseAnswer, readToEnd, upgradeRequest } from '../../support/net-harness.ts';

async function plainSocket(t: TestContext, net: NetHarness): Promise<Socket> {
  const socket = connect({ port: net.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  t.after(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the listener has no socket. */
function allClosed(net: NetHarness): Promise<void> {
  return within(guardMs, 'the end of every socket at the server', net.listener.close(guardMs));
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'PROPFIND'];

test('a plain HTTP request with any method is answered with the scheme and the port, counted, and closed', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  const requests: Buffer[] = methods.map((method) =>
    Buffer.from(`${method} /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  );
  requests.push(upgradeRequest('/sync/doc'), Buffer.from('GET /healthz HTTP/1.0\r\n\r\n'));
  for (const request of requests) {
    const socket = await plainSocket(t, net);
    socket.write(request);
    const { status, headers, body } = parseAnswer(await readToEnd(socket));
    socket.destroy();
    assert.equal(status, 400, request.toString());
    assert.equal(headers.get('connection'), 'close');
    assert.equal(Number(headers.get('content-length')), Buffer.byteLength(body));
    const { error, reason } = JSON.parse(body) as { error: string; reason: string };
    assert.equal(error, 'bad-request');
    assert.match(reason, new RegExp(`port ${net.port} speaks TLS: use https://`));
  }
  assert.equal(net.stats.requestsUnreadable.get('bad-request'), requests.length);
  assert.equal(net.stats.tlsHandshakesFailed, requests.length);
  await allClosed(net);
});

test('a client that sends its request in several packets and keeps sending gets the response', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  const socket = await plainSocket(t, net);
  socket.setNoDelay(true);
  socket.write('POST / HTTP/1.1\r\n');
  while (net.stats.tlsHandshakesFailed === 0) await nextTurn();
  socket.write('Host: localhost\r\nContent-Length: 300000\r\n\r\n');
  await nextTurn();
  socket.write('x'.repeat(300_000));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(parseAnswer(await readToEnd(socket)).status, 400);
});

test('I7: a client that neither reads the response nor hangs up is cut off', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  const sockets = await Promise.all(Array.from({ length: 20 }, () => plainSocket(t, net)));
  for (const socket of sockets) socket.pause().write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  while (net.stats.tlsHandshakesFailed < sockets.length) await nextTurn();
  await allClosed(net);
});

test('I7: a client that sends less than a record header is cut off by the handshake deadline, without a response', async (t) => {
  const net = await NetHarness.start(t, { tls: true, handshakeTimeoutMs: 200 });
  for (const bytes of ['G', 'GET ', '']) {
    const socket = await plainSocket(t, net);
    if (bytes !== '') socket.write(bytes);
    assert.equal(await readToEnd(socket), '', bytes);
  }
  assert.equal(net.stats.requestsUnreadable.size, 0);
});

test('a broken TLS handshake is not answered as HTTP', async (t) => {
  const net = await NetHarness.start(t, { tls: true });
  // A record of an unknown type, a record that is too long, and an invalid hello.
  for (const record of [
    [99, 3, 1, 0, 5, 1, 2, 3, 4, 5],
    [22, 3, 1, 255, 255, 1, 2, 3],
    [22, 3, 1, 0, 5, 1, 0, 0, 1, 9],
  ]) {
    const socket = await plainSocket(t, net);
    socket.write(Uint8Array.from(record));
    socket.end();
    assert.doesNotMatch(await readToEnd(socket), /HTTP/);
  }
  assert.equal(net.stats.requestsUnreadable.size, 0);
});
