import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { guardMs, within } from '../support/deadline.ts';
import { upgradeRequest } from '../support/net-harness.ts';
import { Disposer } from '../support/owner.ts';
import { Siege } from '../support/siege.ts';
import { sharedTextName, TextWriter } from '../support/text-writer.ts';

/** Many clients have sent input since the server last read its sockets, which no single client could cause. */
suite('many clients at the same moment', () => {
  const owner = new Disposer();
  let siege: Siege;
  before(async () => {
    siege = await Siege.start(owner);
  });
  after(() => owner.dispose());

  /** Suspends the server, as on a machine that is migrated or starved. Input waits in the kernel. */
  function asleep(send: () => void): void {
    siege.quire.process.signal('SIGSTOP');
    send();
    siege.quire.process.signal('SIGCONT');
  }

  test('I6: sixty clients that have sent a thousand edits each are served in turns, and nothing is lost', async (t) => {
    const docNames = Array.from({ length: 60 }, (_, i) => `crowd-${i}`);
    const writers = docNames.map((_, i) => new TextWriter(1_000 + i));
    const crowd = await Promise.all(docNames.map((docName) => siege.attacker(docName)));
    t.after(() => {
      for (const client of crowd) client.terminate();
    });
    await siege.attack(t, async () => {
      asleep(() => {
        for (const [i, client] of crowd.entries()) {
          for (let edit = 0; edit < 1_000; edit++) client.edit((writers[i] as TextWriter).type('x'));
        }
      });
      await Promise.all(crowd.map((client) => client.saved()));
    });
    for (const docName of [docNames[0], docNames[59]] as string[]) {
      assert.equal((await siege.read(docName)).getText(sharedTextName).length, 1_000);
    }
  });

  test('I6: three hundred upgrades at once are handled in turns', async (t) => {
    const { port, hostname } = new URL(siege.quire.httpUrl);
    const crowd = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const socket = connect(Number(port), hostname);
        t.after(() => socket.destroy());
        await once(socket, 'connect');
        return socket;
      }),
    );
    // The server accepts one connection in each turn, so all others before this one.
    (await siege.attacker('crowd')).terminate();
    await siege.attack(t, async () => {
      asleep(() => {
        for (const [i, socket] of crowd.entries()) socket.write(upgradeRequest(`/sync/crowd-${i}`));
      });
      const answers = Promise.all(crowd.map((socket) => once(socket, 'data')));
      for (const [answer] of (await within(guardMs, 'all answers', answers)) as [Buffer][]) {
        assert.match(answer.toString('latin1'), /^HTTP\/1\.1 101 /);
      }
    });
  });
});
