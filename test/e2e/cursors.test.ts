import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardMs, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { serverClockArgs } from '../support/server-clock.ts';
import { StockClient } from '../support/stock-client.ts';

function sees(viewer: StockClient, other: StockClient): boolean {
  const state = viewer.provider.awareness.getStates().get(other.doc.clientID);
  return state?.['user'] === other.provider.awareness.getLocalState()?.['user'];
}

function connected(client: StockClient): Promise<void> {
  return within(
    guardMs,
    'the provider connects again',
    new Promise((resolve) => {
      const listener = ({ status }: { status: string }): void => {
        if (status !== 'connected') return;
        client.provider.off('status', listener);
        resolve();
      };
      client.provider.on('status', listener);
    }),
  );
}

test('two users see each other after a join, a reconnect and a restart of the server, without renewals by stock clients', async (t) => {
  // The server's clock stands still. Otherwise it would remove states after 30 s, and clients would announce themselves
  // again.
  const quire = await Quire.start(t, { nodeArgs: serverClockArgs });
  const join = (user: string): StockClient => {
    const client = new StockClient(quire.wssUrl, 'cursors', { ca: quire.ca, maxBackoffTime: 200 });
    t.after(() => client.destroy());
    // By themselves they would need up to 17 s after a reconnect, because they renew every 15 s.
    client.stopRenewing();
    client.provider.awareness.setLocalStateField('user', user);
    return client;
  };
  const seeEachOther = async (when: string): Promise<void> => {
    const since = performance.now();
    await Promise.all(
      [[ann, bob] as const, [bob, ann] as const].map(([viewer, other]) =>
        viewer.untilAware(() => sees(viewer, other), `a cursor ${when}`),
      ),
    );
    t.diagnostic(`${when}: ${Math.round(performance.now() - since)} ms`);
  };

  const ann = join('ann');
  await connected(ann);
  const bob = join('bob');
  await connected(bob);
  await seeEachOther('after a join');

  bob.provider.awareness.setLocalStateField('user', 'bob, moved');
  await seeEachOther('after a move');

  let reconnected = connected(bob);
  bob.cut();
  await reconnected;
  // Bob's provider forgot Ann when its socket closed. Ann may still have Bob's earlier state.
  await seeEachOther('after a reconnect');

  reconnected = Promise.all([connected(ann), connected(bob)]).then(() => {});
  await quire.process.kill();
  assert.ok(!ann.provider.awareness.getStates().has(bob.doc.clientID) || ann.isConnected);
  await quire.restart();
  await reconnected;
  await seeEachOther('after a restart');

  bob.destroy();
  await ann.untilAware(
    () => !ann.provider.awareness.getStates().has(bob.doc.clientID),
    'the cursor of a user who left is removed',
  );
});
