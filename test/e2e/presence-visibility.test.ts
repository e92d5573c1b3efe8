/**
 * Visibility of stock clients over sockets. Their timers are off, so that the renewal every 15 s cannot make a client
 * visible.
 */
import assert from 'node:assert/strict';
import { suite, test, before, after } from 'node:test';
import type { TestContext } from 'node:test';
import { removeAwarenessStates } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { within } from '../support/deadline.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';

/** Only guards against hanging. */
const deadlineMs = 60_000;

type Change = Readonly<Record<'added' | 'updated' | 'removed', readonly number[]>>;

/** Resolves when the viewer has the current state of the other client. */
async function see(viewer: StockClient, other: StockClient): Promise<void> {
  const userOf = (states: ReadonlyMap<number, Readonly<Record<string, unknown>>>): unknown =>
    states.get(other.doc.clientID)?.['user'];
  await viewer.untilAware(
    () => userOf(viewer.provider.awareness.getStates()) === userOf(other.provider.awareness.getStates()),
    'the other is visible',
    deadlineMs,
  );
}

suite('stock clients see each other without waiting for a renewal', () => {
  const owner = new Disposer();
  let quire: Quire;
  before(async () => {
    quire = await Quire.start(owner, { tls: 'off' });
  });
  after(() => owner.dispose());

  async function join(t: TestContext, docName: string, user: string, clientId?: number): Promise<StockClient> {
    const doc = new Y.Doc();
    if (clientId !== undefined) doc.clientID = clientId;
    const client = new StockClient(quire.url, docName, { doc, maxBackoffTime: 100 });
    t.after(() => client.destroy());
    const { awareness } = client.provider;
    clearInterval(awareness._checkInterval as NodeJS.Timeout);
    awareness.setLocalStateField('user', user);
    await client.synced();
    return client;
  }

  test('a page that lists users by change events never loses its own user', async (t) => {
    const ada = await join(t, 'list', 'ada');
    const { awareness } = ada.provider;
    const removed: number[] = [];
    awareness.on('change', (change: Change) => removed.push(...change.removed));
    for (const name of ['bob', 'eve', 'dan']) {
      const announced = new Promise<void>((resolve) => {
        awareness.on('update', ({ updated, removed }: Change) => {
          if ([...updated, ...removed].includes(ada.doc.clientID)) resolve();
        });
      });
      const other = await join(t, 'list', name);
      await within(deadlineMs, 'ada announces itself again', announced);
      await Promise.all([see(ada, other), see(other, ada)]);
    }
    assert.deepEqual(removed, []);
    assert.deepEqual(awareness.getLocalState(), { user: 'ada' });
  });

  test('after a connection that is lost repeatedly right after a join', async (t) => {
    const [ada, bob] = await Promise.all([join(t, 'flap', 'ada'), join(t, 'flap', 'bob')]);
    for (let times = 0; times < 5; times++) {
      await Promise.all([see(ada, bob), see(bob, ada)]);
      const gone = new Promise<void>((resolve) => bob.provider.once('connection-close', () => resolve()));
      bob.cut();
      await gone;
    }
    await Promise.all([see(ada, bob), see(bob, ada)]);
  });

  test('after a sleep in which other clients seem to have been silent', async (t) => {
    const [ada, bob] = await Promise.all([join(t, 'sleep', 'ada'), join(t, 'sleep', 'bob')]);
    await Promise.all([see(ada, bob), see(bob, ada)]);
    removeAwarenessStates(bob.provider.awareness, [ada.doc.clientID], 'timeout');
    assert.ok(!bob.provider.awareness.getStates().has(ada.doc.clientID));
    await see(bob, ada);
  });

  test('after a reload with a fixed client id, whose clock begins at 0 again', async (t) => {
    const ada = await join(t, 'fixed', 'ada');
    const bob = await join(t, 'fixed', 'bob', 77);
    for (let times = 0; times < 20; times++) bob.provider.awareness.setLocalStateField('at', times);
    await ada.untilAware(() => ada.provider.awareness.getStates().get(77)?.['at'] === 19, 'bob', deadlineMs);
    bob.destroy();
    await ada.untilAware(() => !ada.provider.awareness.getStates().has(77), 'bob is gone', deadlineMs);
    const back = await join(t, 'fixed', 'bob again', 77);
    await Promise.all([see(ada, back), see(back, ada)]);
  });
});
