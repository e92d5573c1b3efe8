/** `Upgrade` headers for protocols other than WebSocket are ignored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetHarness, parseAnswer, readToEnd, upgradeRequest } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';

/** The headers that curl --http2 and Java's HttpClient send. */
const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';
const host = 'Host: localhost\r\n';
const last = `GET /last HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;

/** A server that answers each request with its method, its target and the length of its body. */
async function start(owner: Owner, tls: boolean): Promise<NetHarness> {
  return NetHarness.start(owner, {
    tls,
    requests: (request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length));
      request.on('end', () => response.end(`<${request.method} ${request.url} ${bytes}>`));
    },
  });
}

async function answersTo(net: NetHarness, bytes: string | Buffer): Promise<string[]> {
  const socket = await net.socket();
  socket.write(bytes);
  const text = await readToEnd(socket);
  socket.destroy();
  return Array.from(text.matchAll(/HTTP\/1\.1 (\d+)|<(.*?)>/g), ([, status, answer]) => answer ?? status ?? '');
}

for (const tls of [false, true]) {
  const over = tls ? ' over TLS' : '';

  test(`a request that offers h2c${over} is answered over HTTP/1.1, and so is the next one`, async (t) => {
    const net = await start(t, tls);
    for (const path of ['/', '/healthz', '/sync/doc']) {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
        const head = `${method} ${path} HTTP/1.1\r\n${host}${h2c}\r\n`;
        const expected = method === 'HEAD' ? ['200'] : ['200', `${method} ${path} 0`];
        assert.deepEqual(await answersTo(net, head + last), [...expected, '200', 'GET /last 0'], head);
      }
    }
    assert.equal(net.stats.upgradesRefused.size, 0);
  });

  test(`a request with a body that offers h2c${over} is answered, and the connection is closed`, async (t) => {
    const net = await start(t, tls);
    const framings = ['Content-Length: 5\r\n\r\nhello', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'];
    for (const framing of framings) {
      for (const method of ['POST', 'DELETE', 'PUT']) {
        // The request has no `Connection: close`, so the server must close.
        const request = `${method} /doc HTTP/1.1\r\n${host}${h2c}${framing}`;
        for (const bytes of [request, request + last]) {
          assert.deepEqual(await answersTo(net, bytes), ['200', `${method} /doc 5`], bytes);
        }
      }
    }
  });

  test(`only a WebSocket upgrade${over} reaches the WebSockets`, async (t) => {
    const net = await start(t, tls);
    const close = 'Connection: close, Upgrade\r\n';
    for (const offer of ['TLS/1.0', 'h2c', 'websockets', 'x-websocket', 'foo, bar', 'h2c, HTTP/2.0']) {
      const request = `GET /sync/doc HTTP/1.1\r\n${host}${close}Upgrade: ${offer}\r\n\r\n`;
      assert.deepEqual(await answersTo(net, request), ['200', 'GET /sync/doc 0'], offer);
    }
    for (const offer of ['websocket', 'WebSocket']) {
      const socket = await net.socket();
      socket.write(upgradeRequest('/elsewhere', { Upgrade: offer }));
      assert.equal(parseAnswer(await readToEnd(socket)).status, 404, offer);
    }
    assert.equal(net.stats.upgradesRefused.get('not-found'), 2);
  });
}
