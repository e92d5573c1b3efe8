/** Requests of clients that do not speak plain HTTP/1.1 with one Host header. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { metricsOf } from '../support/metrics.ts';
import { parseAnswer, readToEnd } from '../support/net-harness.ts';
import type { HttpAnswer } from '../support/net-harness.ts';
import { Quire } from '../support/quire.ts';

async function ask(quire: Quire, request: string): Promise<HttpAnswer> {
  const socket = connect(Number(new URL(quire.url).port), '127.0.0.1');
  socket.write(request);
  return parseAnswer(await readToEnd(socket));
}

test('HTTP/1.0, with and without a Host header, gets the responses of HTTP/1.1', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'] });
  const paths = ['/healthz', '/readyz', '/metrics', '/', '/nothing', '/sync/doc', '/documents/doc'];
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
    for (const path of paths) {
      const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
      const expected = await ask(quire, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${length}\r\n`);
      if (method === 'GET' && /^\/(healthz|readyz|metrics)$/.test(path)) assert.equal(expected.status, 200, path);
      for (const host of ['', 'Host: x\r\n']) {
        const { status, headers, body } = await ask(quire, `${method} ${path} HTTP/1.0\r\n${host}${length}\r\n`);
        assert.equal(status, expected.status, `${method} ${path} ${host}`);
        assert.equal(headers.get('content-type'), expected.headers.get('content-type'));
        // The values of the metrics change. HTTP/1.0 does not know chunked bodies.
        if (path !== '/metrics' && !expected.headers.has('transfer-encoding')) assert.equal(body, expected.body);
        assert.equal(headers.get('transfer-encoding'), undefined);
      }
    }
  }
});

test('a bad or missing host gets 400 with a reason, and is counted', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'] });
  const bad = [
    'GET /healthz HTTP/1.1\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
    'GET http://[/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  ];
  for (const request of bad) {
    const { status, body } = await ask(quire, request);
    assert.equal(status, 400, request);
    const { error, reason } = JSON.parse(body) as { error: string; reason: string };
    assert.equal(error, 'bad-request');
    assert.notEqual(reason, '');
  }
  assert.equal((await metricsOf(quire)).get('quire_requests_unreadable_total{error="bad-request"}'), bad.length);
});
