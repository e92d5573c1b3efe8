import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { pino } from 'pino';
import { ChallengeAnswers } from '../../../server/tls/challenge-answers.ts';
import { RedirectToTls, secureLocation } from '../../../server/net/redirect-to-tls.ts';
import { RequestRate } from '../../../server/net/request-rate.ts';
import { NetStats } from '../../../server/net/stats.ts';
import { within } from '../../support/deadline.ts';
import { listen } from '../../doctor/peers.ts';
import { parseAnswer, readToEnd, upgradeRequest } from '../../support/net-harness.ts';

/** A redirect that allows `burst` requests per address. Clients name their address in X-Forwarded-For. */
function redirectTo(
  port: number,
  burst = 100,
  challenges = new ChallengeAnswers(),
  stats = new NetStats(),
): RedirectToTls {
  const size = { perSecond: 1, burst };
  const rate = new RequestRate({
    addresses: { of: ({ headers }) => String(headers['x-forwarded-for'] ?? ''), keyOf: (address) => address },
    ratePerAddress: size,
    rate: { perSecond: 1, burst: burst * 2 },
    logger: pino({ level: 'silent' }),
    stats,
    now: () => 0,
  });
  return new RedirectToTls({ securePort: () => port, rate, challenges });
}

function to(host: string | undefined, url: string, port = 443): string | null {
  return secureLocation({ headers: { host }, url } as unknown as IncomingMessage, port);
}

test('the redirect keeps host, path and query, and contains the port only if it is not 443', () => {
  assert.equal(to('example.org', '/a?b=c'), 'https://example.org/a?b=c');
  assert.equal(to('example.org:80', '/', 8443), 'https://example.org:8443/');
  assert.equal(to('[::1]:8080', '/'), 'https://[::1]/');
  for (const host of [undefined, '', 'a b', 'a/b', 'x@evil', 'a\r\nX: y']) assert.equal(to(host, '/'), null);
  for (const url of ['http://evil/', '*', 'evil']) assert.equal(to('example.org', url), null);
});

test('requests and upgrades are answered, and their connections are closed', async (t) => {
  const redirect = redirectTo(8443);
  const server = createServer(redirect.request);
  server.on('upgrade', redirect.handle);
  const port = await listen(t, server);
  const ask = async (bytes: string | Buffer) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    return parseAnswer(await readToEnd(socket));
  };
  const page = await ask('POST /x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 0\r\n\r\n');
  assert.deepEqual([page.status, page.headers.get('location')], [308, 'https://example.org:8443/x']);
  const upgrade = await ask(upgradeRequest('/sync/doc'));
  assert.deepEqual([upgrade.status, upgrade.headers.get('location')], [308, 'https://localhost:8443/sync/doc']);
  assert.equal((await ask(upgradeRequest('/sync/doc', { Host: 'a/b' }))).status, 400);
});

test('I7: the connection of a redirected upgrade is closed even if its client does not hang up', async (t) => {
  const redirect = redirectTo(8443);
  const server = createServer(redirect.request);
  server.on('upgrade', redirect.handle);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect({ port: await listen(t, server), host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => void socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  socket.write(upgradeRequest('/sync/doc'));
  const [peer] = await accepted;
  if (!peer.closed) await within(60_000, 'the end of a redirected upgrade', once(peer, 'close'));
});

test('requests and upgrades share the limits of the other ports, and an ACME authority is always answered', async (t) => {
  const challenges = new ChallengeAnswers();
  const stats = new NetStats();
  challenges.answerHttp('token', 'authorization');
  const redirect = redirectTo(8443, 4, challenges, stats);
  const server = createServer(redirect.request);
  server.on('upgrade', redirect.handle);
  const port = await listen(t, server);
  const ask = async (bytes: string | Buffer) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    return parseAnswer(await readToEnd(socket));
  };
  const page = (from: string) => ask(`GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from}\r\n\r\n`);
  const upgrade = (from: string) => ask(upgradeRequest('/sync/doc', { 'X-Forwarded-For': from }));
  const statuses = [await page('1'), await upgrade('1'), await page('1'), await upgrade('1')].map(
    ({ status }) => status,
  );
  assert.deepEqual(statuses, [308, 308, 308, 308]);
  for (const answer of [await page('1'), await upgrade('1')]) {
    assert.equal(answer.status, 429);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.equal((JSON.parse(answer.body) as { error: string }).error, 'limit-reached');
  }
  for (let i = 0; i < 4; i++) assert.equal((await page('2')).status, 308);
  assert.equal((await page('3')).status, 503);
  assert.equal((await upgrade('3')).status, 503);
  assert.equal(stats.limitsReached.get('request-rate-per-address'), 2);
  assert.equal(stats.limitsReached.get('request-rate'), 2);
  for (const from of ['1', '2', '4', '5']) {
    const challenge = await ask(
      `GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from}\r\n\r\n`,
    );
    assert.equal(challenge.status, 200);
    assert.match(challenge.body, /authorization/);
  }
});
