/** Each limit over real sockets: the refusal, the counter, no effect on other clients, and clients that reconnect. */
import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import type { TestContext } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import { emptyStateVector } from '../support/frames.ts';
import { from, join, open, reached, startHeld, startLimited, untilReached } from '../support/limited-quire.ts';
import { metricsOf } from '../support/metrics.ts';
import { parseAnswer, readToEnd, upgradeRequest } from '../support/net-harness.ts';
import { Quire } from '../support/quire.ts';
import type { RawClient } from '../support/raw-client.ts';
import { ServerClock, serverClockArgs } from '../support/server-clock.ts';
import { Signal } from '../support/signal.ts';
import { StockClient } from '../support/stock-client.ts';
import { TextWriter } from '../support/text-writer.ts';
import { secret, tokenFor } from '../support/tokens.ts';

/** A stock client with an edit that it sends as soon as it gets in. */
function stock(t: TestContext, quire: Quire, doc: string): StockClient {
  const client = new StockClient(quire.url, doc, { maxBackoffTime: 200 });
  t.after(() => client.destroy());
  client.text.insert(0, 'offline');
  return client;
}

async function closeCode(client: RawClient): Promise<number> {
  return (await within(guardMs, 'the end of the connection', client.closed)).code;
}

/** The status of an upgrade from this address, and its Retry-After in seconds. */
async function refusal(quire: Quire, address: string): Promise<{ status: number; retryAfter: number }> {
  const socket = connectTcp(Number(new URL(quire.url).port), '127.0.0.1');
  socket.write(upgradeRequest('/sync/doc', { 'X-Forwarded-For': address }));
  const { status, headers } = parseAnswer(await readToEnd(socket));
  socket.destroy();
  return { status, retryAfter: Number(headers.get('retry-after')) };
}

test('total connections: 503, and a stock client gets in when another leaves', async (t) => {
  const quire = await startLimited(t, '--max-connections', '2');
  const [first] = [await join(t, quire, 'a'), await join(t, quire, 'b')];
  assert.deepEqual(await refusal(quire, '192.0.2.1'), { status: 503, retryAfter: 5 });
  const waiting = stock(t, quire, 'a');
  await untilReached(quire, 'connections');
  first.terminate();
  await waiting.synced();
  await waiting.saved();
});

test('connections of one address: 429 for it, and no effect on its neighbour', async (t) => {
  const quire = await startLimited(t, '--max-connections-per-address', '2');
  const [first] = [
    await join(t, quire, 'doc', from('2001:db8::1')),
    await join(t, quire, 'doc', from('2001:db8:0:0:ffff::2')),
  ];
  assert.deepEqual(await refusal(quire, '2001:db8::3'), { status: 429, retryAfter: 5 });
  await join(t, quire, 'doc', from('2001:db8:0:1::3'));
  assert.equal(await reached(quire, 'connections-per-address'), 1);
  await first.close();
  await join(t, quire, 'doc', from('2001:db8::3'));
});

test('new connections of one address: 429 after the burst, and no effect on its neighbour', async (t) => {
  const { quire } = await startHeld(t, '--max-connect-rate-per-address', '1');
  const attempts = await Promise.allSettled(Array.from({ length: 40 }, () => open(t, quire, 'doc', from('192.0.2.1'))));
  const refused = attempts.filter(({ status }) => status === 'rejected').length;
  assert.equal(refused, 30, 'ten at once come in');
  assert.equal(await reached(quire, 'connect-rate-per-address'), refused);
  const honest = await join(t, quire, 'doc', from('192.0.2.2'));
  await honest.saved();
});

test('total TLS handshakes: cut off after the burst, counted, and possible again a moment later', async (t) => {
  const quire = await Quire.start(t, { args: ['--max-connect-rate', '2'], nodeArgs: serverClockArgs });
  const clock = await ServerClock.attach(t, quire);
  const { port } = new URL(quire.wssUrl);
  const handshake = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ port: Number(port), host: '127.0.0.1', servername: 'localhost', ca: quire.ca });
      t.after(() => socket.destroy());
      socket.once('secureConnect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
  const made = await Promise.all(Array.from({ length: 60 }, handshake));
  const cut = made.filter((success) => !success).length;
  assert.equal(cut, 52, 'eight at once come in');
  assert.equal(await reached(quire, 'connect-rate'), cut);
  await clock.pass(500);
  assert.equal(await handshake(), true);
});

test('connections of one user: 4529 above the limit, and a stock client gets in when another is closed', async (t) => {
  const quire = await Quire.start(t, {
    tls: 'off',
    args: ['--ephemeral', '--max-connections-per-user', '1'],
    env: { QUIRE_AUTH_SECRET: secret },
  });
  const [ann, bob] = [await tokenFor({ user: 'ann' }), await tokenFor({ user: 'bob' })];
  const first = await join(t, quire, 'doc', { protocols: ['quire', ann] });
  assert.equal(await closeCode(await open(t, quire, 'doc', { protocols: ['quire', ann] })), 4529);
  assert.equal(await reached(quire, 'connections-per-user'), 1);
  await join(t, quire, 'doc', { protocols: ['quire', bob] });
  const waiting = new StockClient(quire.url, 'doc', { maxBackoffTime: 200, protocols: ['quire', ann] });
  t.after(() => waiting.destroy());
  first.terminate();
  await waiting.synced();
  await waiting.saved();
});

test('clients in one document: 4529 above the limit, no effect on other documents, and a stock client gets in later', async (t) => {
  const quire = await startLimited(t, '--max-connections-per-document', '1');
  const first = await join(t, quire, 'doc');
  assert.equal(await closeCode(await open(t, quire, 'doc')), 4529);
  const waiting = stock(t, quire, 'doc');
  await join(t, quire, 'other');
  first.terminate();
  await waiting.synced();
  await waiting.saved();
  assert.ok((await reached(quire, 'connections-per-document')) >= 1);
});

test('documents opened from one address: a few wait, the rest get 4529, and its neighbour does not wait', async (t) => {
  const { quire } = await startHeld(t, '--max-open-rate-per-address', '1');
  const clients = await Promise.all(
    Array.from({ length: 40 }, (_, i) => open(t, quire, `doc-${i}`, from('192.0.2.1'))),
  );
  await join(t, quire, 'elsewhere', from('192.0.2.2'));
  // Ten open at once; four wait, the first of them for a second; the others would wait for more than 4 s.
  const codes: number[] = [];
  let live = 0;
  const changed = new Signal();
  for (const client of clients) {
    const outcome = client.next('sync-step-1').then(
      () => live++,
      async () => codes.push(await closeCode(client)),
    );
    void outcome.then(() => changed.notify());
  }
  const decided = changed.until(() => live > 10 && codes.length === 26);
  await within(guardMs, () => `${live} are live, ${codes.length} refused`, decided);
  assert.deepEqual(codes, Array(26).fill(4529));
  assert.equal(await reached(quire, 'open-rate-per-address'), 26);
});

test('a flood of messages is slowed down, none is lost, and other clients do not wait for it', async (t) => {
  const { quire, clock } = await startHeld(t, '--max-message-rate', '100');
  const [flooding, honest] = [await join(t, quire, 'flooded'), await join(t, quire, 'other')];
  const appended = async (): Promise<number> => (await metricsOf(quire)).get('quire_updates_appended_total') ?? NaN;
  const writer = new TextWriter(1);
  const count = 6_000;
  for (let i = 0; i < count; i++) flooding.edit(writer.type('x'));
  await untilReached(quire, 'message-rate');
  await honest.saved();
  assert.ok((await appended()) < count, 'the rest waits, however long it takes');
  // A full bucket is enough for 2,000 of them.
  const all = async (): Promise<void> => {
    while ((await appended()) < count) {
      await clock.pass(60_000);
      await paced(100);
    }
  };
  await within(guardMs, 'all messages', all());
  // The debt of the last message must be refilled before the next one is read.
  await clock.pass(60_000);
  await flooding.saved();
  assert.equal(await appended(), count);
});

test('a flood of bytes is slowed down, and a paste of 1 MB is not', async (t) => {
  const { quire, clock } = await startHeld(t, '--max-receive-rate', '1MB');
  const [flooding, honest] = [await join(t, quire, 'flooded'), await join(t, quire, 'other')];
  honest.edit(new TextWriter(2).type('x'.repeat(2 ** 20)));
  await honest.saved();
  assert.equal(await reached(quire, 'receive-rate'), 0);
  const writer = new TextWriter(1);
  for (let i = 0; i < 55; i++) flooding.edit(writer.type('x'.repeat(200_000)));
  await untilReached(quire, 'receive-rate');
  await honest.saved();
  await clock.pass(60_000);
  await flooding.saved();
});

test('a pointer that moves too fast is shown later, and finally at its last position', async (t) => {
  const { quire, clock } = await startHeld(t, '--max-presence-rate', '5');
  const [fast, watching] = [await join(t, quire, 'doc'), await join(t, quire, 'doc')];
  watching.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  for (let at = 1; at <= 100; at++) {
    fast.send({ type: 'awareness', entries: [{ client: 1, clock: at, state: `{"at":${at}}` }] });
    if (at % 10 === 0) await fast.pinged();
  }
  assert.ok((await reached(quire, 'presence-rate')) > 0);
  await clock.pass(60_000);
  const last = await watching.until(
    (frame) => frame.type === 'awareness' && frame.entries.some(({ clock }) => clock === 100),
    'the last move',
  );
  assert.equal(last.type, 'awareness');
});

test('a client that requests the document repeatedly waits for it', async (t) => {
  const { quire, clock } = await startHeld(t, '--max-sync-rate', '100KB');
  const [asking, author] = [await join(t, quire, 'doc'), await join(t, quire, 'doc')];
  author.edit(new TextWriter(1).type('x'.repeat(1_100_000)));
  await author.saved();
  await asking.sync(emptyStateVector);
  const more = asking.sync(emptyStateVector).then(() => asking.sync(emptyStateVector));
  await untilReached(quire, 'sync-rate');
  await clock.pass(60_000);
  await more;
  assert.equal(await reached(quire, 'sync-rate'), 1);
  await author.saved();
});

for (const [limit, args, edit] of [
  [
    'new-clients',
    ['--max-new-clients', '3'],
    (client: RawClient, i: number) => client.edit(new TextWriter(i + 1).type('x')),
  ],
  [
    'document-size',
    ['--max-document-size', '20KB'],
    (client: RawClient, i: number) => client.edit(new TextWriter(i + 1).type('x'.repeat(20_000))),
  ],
] as const) {
  test(`${limit}: 4413 for the edit above the limit; the document stays, and others can read it`, async (t) => {
    const quire = await startLimited(t, ...args);
    const [writing, reading] = [await join(t, quire, 'doc'), await join(t, quire, 'doc')];
    for (let i = 0; i < 10; i++) {
      edit(writing, i);
      if (writing.isOpen) await writing.saved().catch(() => {});
    }
    assert.equal(await closeCode(writing), 4413);
    assert.equal(await reached(quire, limit), 1);
    assert.ok((await reading.sync()).length > 0);
  });
}

test('a message that is too large: 1009, counted', async (t) => {
  const quire = await startLimited(t, '--max-message-size', '10KB');
  const client = await join(t, quire, 'doc');
  client.edit(new TextWriter(1).type('x'.repeat(11_000)));
  assert.equal(await closeCode(client), 1009);
  assert.equal(await reached(quire, 'message-size'), 1);
});

test('documents in memory: 1013 for one more while all are in use; a stock client gets in when one is closed', async (t) => {
  const quire = await startLimited(t, '--max-room-memory', '100KB');
  const first = await join(t, quire, 'a');
  first.edit(new TextWriter(1).type('x'.repeat(120_000)));
  await first.saved();
  const refused = async (): Promise<void> => {
    // The memory is counted once a second, so the first ones may still be admitted.
    for (let i = 0; ; i++) {
      const client = await open(t, quire, `other-${i}`);
      const end = await Promise.race([client.closed, client.next('sync-step-1')]);
      if ('code' in end) {
        assert.equal(end.code, 1013);
        return;
      }
      client.terminate();
      await paced(50);
    }
  };
  await within(guardMs, 'a refusal', refused());
  assert.ok((await reached(quire, 'room-memory')) >= 1);
  await first.saved();
  const waiting = stock(t, quire, 'b');
  await first.close();
  await waiting.synced();
  await waiting.saved();
});

test('bytes that wait for all slow readers: only the slow client is closed, not the author and other readers', async (t) => {
  const quire = await startLimited(t, '--max-outbox-memory', '1MB');
  const slow = await join(t, quire, 'doc');
  await slow.sync();
  slow.pauseReading();
  const [author, reader] = [await join(t, quire, 'doc'), await join(t, quire, 'doc')];
  await reader.sync();
  const writer = new TextWriter(1);
  // The number depends on the kernel, which buffers some megabytes itself.
  const flood = async (): Promise<void> => {
    while ((await reached(quire, 'outbox-memory')) === 0) {
      author.edit(writer.type('x'.repeat(100_000)));
      await author.saved();
    }
  };
  await within(guardMs, 'the limit', flood());
  assert.equal(await reached(quire, 'outbox-memory'), 1);
  slow.resumeReading();
  const code = await closeCode(slow);
  // 4529 if the close frame still arrived, 1006 if the socket was destroyed.
  assert.ok(code === 4529 || code === 1006, `closed with ${code}`);
  await author.saved();
  assert.ok(reader.isOpen);
});
