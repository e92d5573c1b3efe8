import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { drawable } from '../../server/sync/presence/drawable.ts';
import { listenForComplaints } from '../support/complaints.ts';
import type { AwarenessEntry, Frame } from '../support/frames.ts';
import { honestStates, hostileStates } from '../support/hostile-states.ts';
import { metricsOf } from '../support/metrics.ts';
import { Disposer } from '../support/owner.ts';
import { Siege } from '../support/siege.ts';
import { StockClient } from '../support/stock-client.ts';
import { bytesOf } from '../support/update-bytes.ts';

/** The most states that one message may have. */
const maxEntries = 5_000;
const maxClock = 2 ** 53 - 1;

function crowd(count: number): Frame {
  const entries = Array.from({ length: count }, (_, i) => ({ client: i + 1, clock: 1, state: '{"user":"nobody"}' }));
  return { type: 'awareness', entries };
}

function states(entries: readonly AwarenessEntry[]): Frame {
  return { type: 'awareness', entries };
}

/** An awareness frame with this state, which need not be text. */
function presenceOf(state: Uint8Array): Uint8Array {
  const entries = bytesOf(1, 7, 1, state.length, state);
  return bytesOf(1, entries.length, entries);
}

suite('presence that has brought servers down', () => {
  const owner = new Disposer();
  let siege: Siege;
  before(async () => {
    siege = await Siege.start(owner);
  });
  after(() => owner.dispose());

  /** A client with a name and a cursor in this document. */
  async function ann(t: { after(f: () => void): void }, docName: string): Promise<StockClient> {
    const client = new StockClient(siege.quire.url, docName);
    t.after(() => client.destroy());
    client.provider.awareness.setLocalStateField('user', 'ann');
    await client.synced();
    return client;
  }

  test('I6 I7: presence of 50,000 clients is refused, and repeated presence of 5,000 clients leaves no memory in use', async (t) => {
    const huge = crowd(50_000);
    const large = crowd(maxEntries);
    const person = await ann(t, 'crowd');
    const effect = await siege.attack(t, async () => {
      const { code } = await siege.closing('crowd', huge);
      assert.equal(code, 4400);
      const attacker = await siege.attacker('crowd');
      for (let i = 0; i < 100; i++) attacker.send(large);
      await attacker.pinged();
      attacker.terminate();
    });
    assert.ok(effect.grownBytes < 1_000_000);
    assert.deepEqual([...person.provider.awareness.getStates().keys()], [person.doc.clientID]);
  });

  test('I8: a presence clock of 2^53-1 is refused, under any client id', async (t) => {
    const person = await ann(t, 'clock');
    await siege.attack(t, async () => {
      for (const client of [person.doc.clientID, 1]) {
        const ghost = states([{ client, clock: maxClock, state: '{"user":"ghost"}' }]);
        assert.equal((await siege.closing('clock', ghost)).code, 4400);
      }
    });
    const bob = new StockClient(siege.quire.url, 'clock');
    t.after(() => bob.destroy());
    await bob.untilAware(() => bob.provider.awareness.getStates().get(person.doc.clientID)?.['user'] === 'ann', 'ann');
    assert.equal(bob.provider.awareness.getStates().size, 2);
  });

  for (const [what, state] of [
    ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['nested 8,000 deep', Buffer.from('['.repeat(8_000) + ']'.repeat(8_000))],
  ] as const) {
    test(`I6: a presence state that is ${what} reaches no client`, async (t) => {
      const complaints = listenForComplaints(t);
      const name = `unreadable-${state.length}`;
      const person = await ann(t, name);
      await siege.attack(t, async () => {
        assert.equal((await siege.closing(name, presenceOf(state))).code, 4400);
        await person.saved();
      });
      assert.deepEqual([...person.provider.awareness.getStates().keys()], [person.doc.clientID]);
      assert.deepEqual(complaints, []);
    });
  }

  test('I6: the highest possible clock under the client id of a connected user does not disconnect that user', async (t) => {
    const person = await ann(t, 'highest');
    const id = person.doc.clientID;
    let closed: unknown;
    person.provider.on('connection-close', (event: unknown) => {
      closed = event;
    });
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('highest');
      attacker.send(states([{ client: id, clock: 2 ** 31, state: '{"user":"ghost"}' }]));
      await attacker.pinged();
      const { awareness } = person.provider;
      await person.untilAware(() => (awareness.meta.get(id)?.clock ?? 0) >= 2 ** 31, 'the attack has arrived');
      awareness.setLocalStateField('user', 'ann again');
      await person.saved();
      attacker.terminate();
      await siege.closing('highest', Uint8Array.of(9));
      await person.saved();
    });
    assert.equal(closed, undefined);
    person.stopRenewing();
    const bob = new StockClient(siege.quire.url, 'highest');
    t.after(() => bob.destroy());
    await bob.untilAware(() => bob.provider.awareness.getStates().get(id)?.['user'] === 'ann again', 'ann');
  });

  test('I6 I8: fields that break editors are dropped and counted, and all others are relayed', async (t) => {
    const person = await ann(t, 'fields');
    const { awareness } = person.provider;
    const trimmed = async (): Promise<number> =>
      (await metricsOf(siege.quire)).get('quire_presence_trimmed_total') ?? NaN;
    const before = await trimmed();
    const spoilt = hostileStates('default').filter(({ state }) => drawable(state) !== state);
    const id = 7;
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('fields');
      for (const [i, { state: sent }] of [...hostileStates('default'), ...honestStates('default')].entries()) {
        const clock = i + 1;
        // Each is different, because only changes are relayed.
        const state = typeof sent === 'object' && !Array.isArray(sent) ? { ...sent, clock } : sent;
        attacker.send(states([{ client: id, clock, state: JSON.stringify(state) }]));
        await person.untilAware(() => awareness.meta.get(id)?.clock === clock, 'the state has arrived');
        const shown: unknown = awareness.getStates().get(id);
        assert.deepEqual(shown, drawable(JSON.parse(JSON.stringify(state))));
      }
      attacker.terminate();
    });
    assert.equal((await trimmed()) - before, spoilt.length);
  });
});
