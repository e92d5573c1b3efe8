/** Stock clients that a limit refuses reconnect by themselves when its cause is gone, and no edit is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { guardMs, paced, within } from '../support/deadline.ts';
import {
  arrives,
  from,
  join,
  offline,
  open,
  reached,
  startHeld,
  startLimited,
  untilReached,
} from '../support/limited-quire.ts';
import type { Quire } from '../support/quire.ts';
import { clientFrame, RawSocket } from '../support/raw-socket.ts';

const address = '192.0.2.1';

test('refused input is charged to its address: its connections wait, its neighbour does not, and nothing is lost', async (t) => {
  const { quire, clock } = await startHeld(t, '--max-refused-work-per-address', '10');
  const junk = Buffer.alloc(4 * 2 ** 20, 0xff);
  const attack = async (): Promise<void> => {
    for (let i = 0; (await reached(quire, 'refused-work-per-address')) === 0; i++) {
      assert.ok(i < 100, 'never held back');
      // In the same document the refusal would be delayed, and the attack would be too slow for this limit.
      const attacker = await join(t, quire, `attacked-${i}`, from(address));
      attacker.edit(junk);
      assert.equal((await attacker.closed).code, 4400);
    }
  };
  await within(guardMs, 'an end of the attack', attack());
  await (await join(t, quire, 'attacked', from('192.0.2.2'))).saved();
  const client = offline(t, quire, 'doc', { headers: { 'X-Forwarded-For': address } });
  client.provider.connect();
  await clock.pass(600_000);
  await client.synced();
  await client.saved();
  await arrives(t, quire, 'doc', client);
});

test('I7: clients with incomplete messages are closed, and other clients closed with them reconnect and lose nothing', async (t) => {
  const quire = await startLimited(t, '--max-partial-messages', '1MB');
  const attackers = await Promise.all(Array.from({ length: 3 }, () => RawSocket.open(`${quire.url}/attacked`)));
  const client = offline(t, quire, 'doc');
  client.text.insert(0, 'x'.repeat(900_000));
  client.provider.connect();
  for (const attacker of attackers) {
    t.after(() => attacker.destroy());
    attacker.sendBytes(clientFrame(0x02, new Uint8Array(2 ** 20)));
  }
  // Closed with the reason, or cut off before the reason arrived.
  for (const attacker of attackers) assert.ok([4529, null].includes(await attacker.closeCode()));
  await untilReached(quire, 'partial-messages');
  await client.synced();
  await arrives(t, quire, 'doc', client);
});

test('requests of one address: 429 after the burst, and no effect on health checks, its neighbour, or editors', async (t) => {
  const { quire } = await startHeld(t, '--max-request-rate-per-address', '1');
  const get = (path: string, asked: string): Promise<Response> =>
    fetch(`${quire.httpUrl}${path}`, { headers: { 'X-Forwarded-For': asked, connection: 'close' } });
  const answers: Response[] = [];
  for (let i = 0; i < 40; i++) answers.push(await get('/sync/doc', address));
  assert.ok(
    answers.slice(0, 10).every(({ status }) => status === 400),
    'ten at once are answered',
  );
  const refused = answers.slice(10).filter(({ status }) => status === 429);
  assert.equal(refused.length, 30);
  assert.equal(await reached(quire, 'request-rate-per-address'), refused.length);
  assert.equal(refused[0]?.headers.get('retry-after'), '1');
  assert.deepEqual(await refused[0]?.json(), {
    error: 'limit-reached',
    reason: 'too many requests from your address',
  });
  assert.equal((await get('/healthz', address)).status, 200);
  assert.equal((await get('/sync/doc', '192.0.2.2')).status, 400);
  const client = offline(t, quire, 'doc', { headers: { 'X-Forwarded-For': address } });
  client.provider.connect();
  await client.synced();
  await arrives(t, quire, 'doc', client);
});

/**
 * Refused before or right after the upgrade because another client uses up a limit, until that client frees it or time
 * passes.
 */
const places: readonly (readonly [
  limit: string,
  args: readonly string[],
  take: (place: Place) => Promise<() => void>,
])[] = [
  ['connections', ['--max-connections', '1'], ({ t, quire }) => taken(t, quire, 'other')],
  ['connections-per-address', ['--max-connections-per-address', '1'], ({ t, quire }) => taken(t, quire, 'other')],
  ['connections-per-document', ['--max-connections-per-document', '1'], ({ t, quire }) => taken(t, quire, 'doc')],
  ['connect-rate', ['--max-connect-rate', '1'], (place) => usedUp(place, 'connect-rate')],
  [
    'connect-rate-per-address',
    ['--max-connect-rate-per-address', '1'],
    (place) => usedUp(place, 'connect-rate-per-address'),
  ],
  ['open-rate-per-address', ['--max-open-rate-per-address', '2'], (place) => usedUp(place, 'open-rate-per-address')],
];

interface Place {
  readonly t: TestContext;
  readonly quire: Quire;
}

/** Takes the only place. Returns a function that frees it. */
async function taken(t: TestContext, quire: Quire, doc: string): Promise<() => void> {
  const client = await join(t, quire, doc, from(address));
  return () => client.terminate();
}

/** Uses up a burst. Time refills it, so it need not be freed. */
async function usedUp({ t, quire }: Place, limit: string): Promise<() => void> {
  await Promise.allSettled(Array.from({ length: 60 }, (_, i) => open(t, quire, `other-${i}`, from(address))));
  await untilReached(quire, limit);
  return () => {};
}

for (const [limit, args, take] of places) {
  test(`${limit}: a stock client with offline edits is refused, gets in later by itself, and loses nothing`, async (t) => {
    const { quire, clock } = await startHeld(t, ...args);
    const giveBack = await take({ t, quire });
    const before = await reached(quire, limit);
    const client = offline(t, quire, 'doc', { headers: { 'X-Forwarded-For': address } });
    client.provider.connect();
    const refused = async (): Promise<void> => {
      while ((await reached(quire, limit)) <= before) await paced(20);
    };
    await within(guardMs, `the limit ${limit}`, refused());
    giveBack();
    await clock.pass(600_000);
    await client.synced();
    await client.saved();
    assert.ok((await reached(quire, limit)) > 0);
  });
}
