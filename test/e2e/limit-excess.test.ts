/** Stock clients that exceed a limit are served later or reconnect by themselves, and no edit is lost. */
import { test } from 'node:test';
import { guardMs, within } from '../support/deadline.ts';
import { emptyStateVector, encodeFrame } from '../support/frames.ts';
import { arrives, join, offline, reached, startHeld, startLimited, untilReached } from '../support/limited-quire.ts';
import type { StockClient } from '../support/stock-client.ts';
import { TextWriter } from '../support/text-writer.ts';

/** How a stock client exceeds a limit. */
const excesses: readonly (readonly [
  limit: string,
  args: readonly string[],
  overdo: (client: StockClient) => void | Promise<void>,
])[] = [
  ['message-rate', ['--max-message-rate', '100'], (client) => repeat(2_500, () => client.text.insert(0, 'x'))],
  ['receive-rate', ['--max-receive-rate', '100KB'], (client) => client.text.insert(0, 'x'.repeat(1_100_000))],
  [
    'presence-rate',
    ['--max-presence-rate', '5'],
    ({ provider }) => repeat(100, (at) => provider.awareness.setLocalStateField('at', at)),
  ],
  ['sync-rate', ['--max-sync-rate', '1KB'], (client) => repeat(5, () => askAgain(client))],
  ['sync-requests', [], askInTurn],
  ['waiting-sync-requests', [], (client) => repeat(80, () => askAgain(client))],
];

function repeat(times: number, act: (index: number) => void): void {
  for (let i = 0; i < times; i++) act(i);
}

async function askInTurn(client: StockClient): Promise<void> {
  for (let i = 0; i < 45; i++) {
    askAgain(client);
    await client.saved();
  }
}

function askAgain(client: StockClient): void {
  send(client, encodeFrame({ type: 'sync-step-1', stateVector: emptyStateVector }));
}

function send({ provider }: StockClient, bytes: Uint8Array): void {
  provider.ws?.send(bytes);
}

for (const [limit, args, overdo] of excesses) {
  test(`${limit}: a stock client above the limit is served later, or reconnects, and loses nothing`, async (t) => {
    const { quire, clock } = await startHeld(t, ...args);
    const client = offline(t, quire, 'doc');
    client.text.insert(0, 'x'.repeat(30_000));
    client.provider.connect();
    await client.synced();
    await client.saved();
    client.text.insert(0, 'before');
    await overdo(client);
    client.text.insert(0, 'after');
    await untilReached(quire, limit);
    await clock.pass(600_000);
    client.text.insert(0, 'later');
    await arrives(t, quire, 'doc', client);
  });
}

test('waiting-probes: a stock client that sends too many probes is closed, reconnects, and loses nothing', async (t) => {
  const quire = await startLimited(t);
  const client = offline(t, quire, 'doc');
  // No probe is answered before the client has answered the server's SyncStep1, which follows them.
  let isFirst = true;
  client.provider.on('status', ({ status }) => {
    if (status !== 'connected' || !isFirst) return;
    isFirst = false;
    repeat(1_100, () => send(client, Uint8Array.of(102, 1, 0)));
  });
  client.provider.connect();
  await untilReached(quire, 'waiting-probes');
  await client.synced();
  await arrives(t, quire, 'doc', client);
});

test('outbox-memory: a stock client that stops reading is closed, reconnects when it reads, and loses nothing', async (t) => {
  const quire = await startLimited(t, '--max-outbox-memory', '1MB');
  const slow = offline(t, quire, 'doc');
  slow.provider.connect();
  await slow.synced();
  await slow.saved();
  const socket = slow.provider.ws as unknown as { pause(): void; resume(): void };
  socket.pause();
  const author = await join(t, quire, 'doc');
  const writer = new TextWriter(1);
  // The number depends on the kernel, which buffers some megabytes itself.
  const flood = async (): Promise<void> => {
    while ((await reached(quire, 'outbox-memory')) === 0) {
      author.edit(writer.type('x'.repeat(100_000)));
      await author.saved();
    }
  };
  await within(guardMs, 'the limit', flood());
  slow.text.insert(0, 'written while it read nothing');
  const all = writer.clock + slow.content.length;
  socket.resume();
  await slow.until(() => slow.text.length >= all, 'what the author wrote');
  await arrives(t, quire, 'doc', slow);
});
