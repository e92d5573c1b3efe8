import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import * as Y from 'yjs';
import { Disposer } from '../support/owner.ts';
import type { Owner } from '../support/owner.ts';
import { listenForComplaints } from '../support/complaints.ts';
import { guardMs, within } from '../support/deadline.ts';
import { emptyStateVector } from '../support/frames.ts';
import { nestedTypes } from '../support/nested-types.ts';
import { Siege } from '../support/siege.ts';
import { assertTook } from '../support/slowness.ts';
import { StockClient } from '../support/stock-client.ts';
import { bytesOf, deletionsOf, struct, updateOf } from '../support/update-bytes.ts';

suite('updates that have brought servers down', () => {
  const owner = new Disposer();
  let siege: Siege;
  before(async () => {
    siege = await Siege.start(owner);
  });
  after(() => owner.dispose());

  /** Resolves with a stock client that has the document. */
  async function join(t: Owner, docName: string, doc = new Y.Doc()): Promise<StockClient> {
    const client = new StockClient(siege.quire.url, docName, { doc });
    t.after(() => client.destroy());
    await client.synced();
    return client;
  }

  test('I6: an update in format V2 is refused with any content', async (t) => {
    const doc = new Y.Doc();
    doc.getText('text').insert(0, 'hello');
    doc.getText('text').delete(1, 2);
    const update = Y.encodeStateAsUpdateV2(doc);
    await siege.attack(t, async () => {
      for (let i = 0; i < 20; i++) {
        const { code } = await siege.closing('v2', { type: 'update', update });
        assert.equal(code, 4400);
      }
    });
    assert.equal((await siege.read('v2')).store.clients.size, 0);
  });

  test('I6 I7: seven bytes that claim 33 million structs take as little as other seven bytes', async (t) => {
    const update = bytesOf(1, 33_000_000, 1, 0);
    assert.equal(update.length, 7);
    await siege.attack(t, async () => {
      for (let i = 0; i < 20; i++) assert.equal((await siege.closing('claims', { type: 'update', update })).code, 4400);
    });
  });

  for (const type of ['update', 'sync-step-2'] as const) {
    test(`I6 I7: 2,000 updates of 2 KB with missing dependencies cause a SyncStep1 or are bounded (${type})`, async (t) => {
      const complaints = listenForComplaints(t);
      const name = `missing-${type}`;
      const structs = Array.from({ length: 220 }, (_, k) => struct.textAfter(9_000_000 - k, 1, 'x'));
      const updates = Array.from({ length: 2000 }, (_, i) => updateOf([{ client: 10_000 - i, clock: 1, structs }]));
      const effect = await siege.attack(t, async () => {
        const attacker = await siege.attacker(name);
        for (const update of updates) attacker.send({ type, update });
        if (type === 'update') await attacker.pinged();
        else assert.equal((await within(guardMs, 'the end of the attacker', attacker.closed)).code, 4400);
        attacker.terminate();
      });
      assertTook(effect.cpuMs, 2_000, 'the server worked for');
      const client = await join(t, name);
      client.text.insert(0, 'still here');
      await client.saved();
      assert.equal((await siege.read(name)).getText('text').toJSON(), 'still here');
      assert.deepEqual(complaints, []);
    });
  }

  for (const [what, far] of [
    ['GC', [struct.gc(10)]],
    ['Skip', [struct.skip(10), struct.gc(1)]],
  ] as const) {
    test(`I6: a ${what} under the client id of another user at a far clock loses no edit of that user`, async (t) => {
      const complaints = listenForComplaints(t);
      const name = `far-${what}`;
      const person = await join(t, name);
      person.text.insert(0, 'before ');
      await person.saved();
      const id = person.doc.clientID;
      const update = updateOf([{ client: id, clock: 1_000_000, structs: far }]);
      await siege.attack(t, async () => {
        const attacker = await siege.attacker(name);
        for (const type of ['update', 'sync-step-2'] as const) {
          attacker.send({ type, update });
          await attacker.pinged();
          person.text.insert(person.text.length, `${type} `);
          await person.saved();
        }
        attacker.terminate();
      });
      assert.equal(person.doc.clientID, id);
      const wanted = 'before update sync-step-2 ';
      assert.equal(person.content, wanted);
      assert.equal((await siege.read(name)).getText('text').toJSON(), wanted);
      assert.deepEqual(complaints, []);
    });
  }

  test('I4: a GC that claims the next million clocks of a connected user costs that user the client id, not the text', async (t) => {
    const complaints = listenForComplaints(t);
    const person = await join(t, 'claimed');
    person.text.insert(0, 'before ');
    await person.saved();
    const id = person.doc.clientID;
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('claimed');
      await attacker.sync();
      attacker.edit(updateOf([{ client: id, clock: 7, structs: [struct.gc(1_000_000)] }]));
      await attacker.saved();
      await person.until(() => person.doc.clientID !== id, 'another client id');
      attacker.terminate();
    });
    person.text.insert(person.text.length, 'after');
    await person.saved();
    assert.equal((await siege.read('claimed')).getText('text').toJSON(), 'before after');
    assert.deepEqual(complaints, []);
  });

  test('I4: of two clients with one client id, the edits that arrive first are kept, and all later clients have the same document', async (t) => {
    const complaints = listenForComplaints(t);
    const twin = (): Promise<StockClient> => {
      const doc = new Y.Doc();
      doc.clientID = 7;
      return join(t, 'twins', doc);
    };
    const [ann, bob] = await Promise.all([twin(), twin()]);
    await siege.attack(t, async () => {
      for (let i = 0; i < 20; i++) {
        ann.text.insert(ann.text.length, 'ann ');
        bob.text.insert(0, 'bobby ');
        if (i % 5 === 4) await Promise.all([ann.saved(), bob.saved()]);
      }
    });
    // Yjs gives one of them a new id when it receives an edit of the other. What both have written under the same
    // clocks cannot be distinguished, so their screens differ until they load the document again.
    assert.notEqual(ann.doc.clientID, bob.doc.clientID);
    const stored = (await siege.read('twins')).getText('text').toJSON();
    ann.destroy();
    bob.destroy();
    await siege.unloaded();
    const again = await join(t, 'twins');
    assert.equal(again.content, stored);
    again.text.insert(0, 'and on ');
    await again.saved();
    assert.equal((await siege.read('twins')).getText('text').toJSON(), `and on ${stored}`);
    assert.deepEqual(complaints, []);
  });

  test('I6: types nested 110,000 deep in one update are refused', async (t) => {
    const structs = Array.from({ length: 110_000 }, (_, i) => (i === 0 ? struct.array() : struct.arrayIn(5, i - 1)));
    const update = updateOf([{ client: 5, clock: 0, structs }]);
    await siege.attack(t, async () => {
      const { code, reason } = await siege.closing('deep', { type: 'update', update });
      assert.deepEqual([code, reason], [4400, 'shared types are nested too deeply']);
    });
  });

  test('I6: types nested 20,000 deep in one update, and their deletion, can be stored, folded and sent', async (t) => {
    const { created, deleted } = nestedTypes(5, 20_000);
    const folds = (await siege.metrics()).get('quire_compactions_total') ?? 0;
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('deep copy');
      attacker.edit(created);
      await attacker.saved();
      attacker.edit(deleted);
      await attacker.saved();
      attacker.terminate();
    });
    await siege.unloaded();
    await siege.folded(folds + 1);
    const reader = await siege.attacker('deep copy');
    assert.ok((await reader.sync()).length > 0);
    reader.terminate();
  });

  test('a value that is nested 300 levels deep is refused with a specific reason', async (t) => {
    const value = bytesOf(Uint8Array.of(5), 1, 'text', `${'['.repeat(300)}${']'.repeat(300)}`);
    const update = updateOf([{ client: 5, clock: 0, structs: [value] }]);
    await siege.attack(t, async () => {
      const { code, reason } = await siege.closing('deep value', { type: 'update', update });
      assert.deepEqual([code, reason], [4400, 'a value is nested too deeply']);
    });
  });

  test('I6: types nested 20,000 deep, one level per update, and their deletion can be stored, folded and sent', async (t) => {
    const levels = Array.from({ length: 20_000 }, (_, level) => {
      const structs = [level === 0 ? struct.array() : struct.arrayIn(5, level - 1)];
      return updateOf([{ client: 5, clock: level, structs }]);
    });
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('deeper');
      for (const [level, update] of levels.entries()) {
        attacker.edit(update);
        if (level % 500 === 499) await attacker.saved();
      }
      attacker.edit(updateOf([], [5, 0, 1]));
      await attacker.saved();
      attacker.terminate();
    });
    await siege.unloaded();
    await siege.folded(1);
    const reader = await siege.attacker('deeper');
    assert.ok((await reader.sync()).length > 0);
    reader.terminate();
  });

  test('I6 I7: 400,000 interleaved deletions in two updates delay no other client, and more are refused with a specific reason', async (t) => {
    const updates = [0, 2].map((start) => deletionsOf(7, start, 200_000, 4));
    const base = updateOf([{ client: 7, clock: 0, structs: [struct.gc(4_000_000)] }]);
    // More than the limit, because a fold may merge the earlier deletions at any moment.
    const structs = updateOf([{ client: 8, clock: 0, structs: [struct.gc(4_000_000)] }]);
    const tooMany = Buffer.concat([structs.subarray(0, -1), deletionsOf(8, 0, 600_000, 4).subarray(1)]);
    const effect = await siege.attack(t, async () => {
      const attacker = await siege.attacker('deletions');
      attacker.edit(base);
      for (const update of updates) attacker.edit(update);
      await attacker.saved();
      attacker.edit(tooMany);
      const { code, reason } = await within(20_000, 'the end of the attacker', attacker.closed);
      assert.deepEqual([code, reason], [4413, 'too many separate deletions in this document']);
    });
    assertTook(effect.cpuMs, 3_000, 'the server worked for');
    await siege.unloaded();
    const reader = await siege.attacker('deletions');
    assert.ok((await reader.sync()).length > 0);
    reader.terminate();
  });

  test('I7: 28 MB of deletions of edits that do not exist are refused at 1 MB', async (t) => {
    const effect = await siege.attack(t, async () => {
      for (let i = 0; i < 12; i++) {
        const update = deletionsOf(100 + i, 1_000_000, 390_000);
        const { code, reason } = await siege.closing('unknown deletions', { type: 'sync-step-2', update });
        assert.deepEqual([code, reason], [4400, 'too many edits that build on missing ones']);
      }
    });
    assert.ok(effect.grownBytes < 30_000_000);
  });

  test('I4: two structs that wait for each other, sent in two updates, do not prevent clients from opening the document', async (t) => {
    const complaints = listenForComplaints(t);
    const person = await join(t, 'circle');
    person.text.insert(0, 'before ');
    await person.saved();
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('circle');
      for (const [client, other] of [
        [10, 11],
        [11, 10],
      ] as const) {
        const structs = [struct.textAfter(other, 0, 'x')];
        attacker.send({ type: 'sync-step-2', update: updateOf([{ client, clock: 0, structs }]) });
      }
      for (let i = 0; i < 3; i++) attacker.send({ type: 'sync-step-2', update: deletionsOf(100 + i, 1_000, 20_000) });
      await attacker.pinged();
      attacker.terminate();
    });
    person.destroy();
    await siege.unloaded();
    const again = await join(t, 'circle');
    again.text.insert(again.text.length, 'after');
    await again.saved();
    assert.equal((await siege.read('circle')).getText('text').toJSON(), 'before after');
    assert.deepEqual(complaints, []);
  });

  test('I6 I7: 100,000 client ids in one update are refused', async (t) => {
    const update = manyClients(2 ** 31, 100_000);
    await siege.attack(t, async () => {
      const { code, reason } = await siege.closing('many', { type: 'update', update });
      assert.deepEqual([code, reason], [4400, 'malformed update: too-many-clients']);
    });
  });

  test('I4 I7: an endless stream of new client ids is refused before the document becomes impossible to open', async (t) => {
    const complaints = listenForComplaints(t);
    const updates = Array.from({ length: 4 }, (_, i) => manyClients(2 ** 31 - i * 10_000, 6_000));
    const effect = await siege.attack(t, async () => {
      const greedy = await siege.attacker('more');
      for (const update of updates.slice(0, 2)) greedy.edit(update);
      assert.deepEqual(await within(guardMs, 'the end of the greedy one', greedy.closed), {
        code: 4413,
        reason: 'too many new client ids from one connection',
      });
      // So each of them comes from another connection.
      for (const update of updates.slice(1, 3)) {
        const attacker = await siege.attacker('more');
        await attacker.sync();
        attacker.edit(update);
        await attacker.saved();
        attacker.terminate();
      }
      assert.deepEqual(await siege.closing('more', { type: 'update', update: updates[3]! }), {
        code: 4400,
        reason: 'too many clients have written this document',
      });
    });
    assert.ok(effect.grownBytes < 20_000_000);
    let before = 0;
    await siege.attack(t, async () => {
      const person = await join(t, 'more');
      before = person.doc.store.clients.size;
      assert.ok(before > 17_000);
      // The whole state vector and all deletions go to the server.
      person.provider.disconnect();
      person.provider.connect();
      await person.synced();
      person.text.insert(0, 'still here');
      await person.saved();
      person.destroy();
    });
    await siege.unloaded();
    const doc = await siege.read('more');
    assert.equal(doc.store.clients.size, before + 1);
    assert.equal(doc.getText('text').toJSON(), 'still here');
    assert.deepEqual(complaints, []);
  });

  for (const [what, stateVector] of [
    ['has nothing', emptyStateVector],
    ['has a part', Uint8Array.of(1, 1, 1)],
  ] as const) {
    test(`I6: a client that ${what} and requests 1.7 MB repeatedly delays no other client`, async (t) => {
      const author = await siege.attacker('asked');
      for (const client of [1, 2]) author.edit(tinyStructs(client, 850_000));
      await author.saved();
      author.terminate();
      const effect = await siege.attack(t, async () => {
        const attacker = await siege.attacker('asked');
        for (let i = 0; i < 20; i++) await attacker.sync(stateVector);
        attacker.terminate();
      });
      assert.ok(effect.grownBytes < 10_000_000);
    });
  }

  test('I8: more SyncStep1 messages at once than a client needs are refused with 4529', async (t) => {
    await siege.attack(t, async () => {
      const attacker = await siege.attacker('asked', { onFrame: () => {} });
      for (let i = 0; i < 2_000; i++) attacker.send({ type: 'sync-step-1', stateVector: emptyStateVector });
      assert.equal((await within(guardMs, 'the end of the attacker', attacker.closed)).code, 4529);
    });
  });

  test('I6: four updates of 1 MB of tiny structs at once delay no client of another document', async (t) => {
    const updates = Array.from({ length: 4 }, (_, i) => tinyStructs(100 + i, 1_000_000));
    await siege.attack(t, async () => {
      const attackers = await Promise.all(updates.map(() => siege.attacker('tiny', { onFrame: () => {} })));
      for (const [i, update] of updates.entries()) attackers[i]?.edit(update);
      for (const attacker of attackers) await attacker.pinged();
      for (const attacker of attackers) attacker.terminate();
    });
  });
});

/** One struct for each of `count` clients, with ids from this one downwards. */
function manyClients(first: number, count: number): Uint8Array {
  const structs = [struct.gc(1)];
  return updateOf(Array.from({ length: count }, (_, i) => ({ client: first - i, clock: 0, structs })));
}

/** An update of about this many bytes, with the smallest possible structs. */
function tinyStructs(client: number, bytes: number): Uint8Array {
  const structs = [struct.text('x')];
  for (let length = 20; length < bytes; length += 7) structs.push(struct.textAfter(client, structs.length - 1, 'x'));
  return updateOf([{ client, clock: 0, structs }]);
}
