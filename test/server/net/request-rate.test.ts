import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino } from 'pino';
import { RequestRate } from '../../../server/net/request-rate.ts';
import { NetStats } from '../../../server/net/stats.ts';

/** A rate limit with a manual clock, and the status of each request: 200 if it is within the limits. */
function setUp() {
  const stats = new NetStats();
  const time = { nowMs: 0 };
  const addresses = { of: ({ headers }: IncomingMessage) => headers.host ?? '', keyOf: (address: string) => address };
  const rate = new RequestRate({
    addresses,
    ratePerAddress: { perSecond: 1, burst: 2 },
    rate: { perSecond: 1, burst: 3 },
    logger: pino({ level: 'silent' }),
    stats,
    now: () => time.nowMs,
  });
  const handle = rate.listener((_, response) => response.writeHead(200));
  const ask = (host: string, url: string): number => {
    let status = 0;
    const response = { setHeader: () => {}, writeHead: (code: number) => void (status = code), end: () => {} };
    handle(
      { headers: { host }, url } as unknown as IncomingMessage,
      response as unknown as ServerResponse & { req: IncomingMessage },
    );
    return status;
  };
  return { stats, time, ask };
}

test('requests are limited per address and in total, and health checks are counted separately', () => {
  const { stats, time, ask } = setUp();
  assert.deepEqual([ask('a', '/'), ask('a', '/'), ask('a', '/')], [200, 200, 429]);
  // The request over its per-address limit used up nothing of the total.
  assert.deepEqual([ask('b', '/'), ask('b', '/'), ask('c', '/')], [200, 503, 503]);
  assert.equal(stats.limitsReached.get('request-rate-per-address'), 1);
  assert.equal(stats.limitsReached.get('request-rate'), 2);
  assert.deepEqual([ask('a', '/healthz'), ask('b', '/metrics'), ask('c', '/readyz')], [200, 200, 200]);
  // A load balancer is answered even if many addresses send requests.
  assert.deepEqual([ask('d', '/healthz'), ask('e', '/healthz'), ask('f', '/readyz')], [200, 200, 200]);
  assert.deepEqual([ask('a', '/healthz'), ask('a', '/healthz')], [200, 429]);
  time.nowMs += 1_000;
  assert.deepEqual([ask('b', '/'), ask('a', '/healthz')], [200, 200]);
});
