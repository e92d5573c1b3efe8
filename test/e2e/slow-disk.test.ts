/** A server whose disk does not answer, and one whose disk ends one batch at a time by command: I6 and I7. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fixedLimits } from '../../server/limits/limits.ts';
import { guardMs, paced, within } from '../support/deadline.ts';
import { HeldDisk, heldDiskArgs } from '../support/held-disk.ts';
import { join } from '../support/limited-quire.ts';
import { metricsOf } from '../support/metrics.ts';
import { Quire } from '../support/quire.ts';
import type { RawClient } from '../support/raw-client.ts';
import { TextWriter } from '../support/text-writer.ts';

const max = fixedLimits['unsaved-edits'].max;
/** Small enough for the event loop. Larger updates are scanned in a worker thread. */
const editBytes = 256 * 1024;
const floodCount = 10;
const editsPerFlood = 20;
/** The most bytes of an edit beside its text. */
const overheadBytes = 1_024;

interface Flood {
  readonly quire: Quire;
  readonly disk: HeldDisk;
  readonly clients: readonly RawClient[];
  metric(name: string): Promise<number>;
}

/** Ten clients in ten documents have sent 50 MB while the disk is held. The server has accepted as much as it can. */
async function flooded(t: TestContext): Promise<Flood> {
  const quire = await Quire.start(t, { tls: 'off', nodeArgs: heldDiskArgs });
  const disk = await HeldDisk.attach(t, quire);
  const metric = async (name: string): Promise<number> => (await metricsOf(quire)).get(`quire_${name}`) ?? NaN;
  const clients = await Promise.all(Array.from({ length: floodCount }, (_, i) => join(t, quire, `flood-${i}`)));
  await disk.hold();
  const writers = clients.map((_, i) => new TextWriter(i + 1));
  for (let edit = 0; edit < editsPerFlood; edit++) {
    for (const [i, client] of clients.entries()) client.edit(writers[i]!.type('x'.repeat(editBytes)));
  }
  // A client that is not read gets no pong.
  let finished = 0;
  for (const client of clients) {
    void client.pinged().then(
      () => finished++,
      () => {},
    );
  }
  const taken = async (): Promise<void> => {
    while (finished + (await metric('limits_reached_total{limit="unsaved-edits"}')) < floodCount) await paced(20);
  };
  await within(guardMs, 'each client is paused, or all of its edits are accepted', taken());
  return { quire, disk, clients, metric };
}

test('I7: while no commit ends, the server accepts half of unsaved-edits and one message per connection; no edit is lost', async (t) => {
  const { quire, disk, clients, metric } = await flooded(t);
  const accepted = await metric('update_bytes_total');
  t.diagnostic(`${(accepted / 2 ** 20).toFixed(1)} MB accepted, ${quire.process.usage().rssBytes >> 20} MB resident`);
  assert.equal(await metric('commits_total'), 0);
  const most = max / 2 + floodCount * (editBytes + overheadBytes);
  assert.ok(accepted > max / 4 && accepted <= most, `${accepted} bytes accepted`);
  const unsaved = await metric('unsaved_edit_bytes');
  assert.ok(unsaved >= accepted && unsaved <= most, `${unsaved} bytes unsaved, of ${accepted} accepted`);

  await disk.release();
  await Promise.all(clients.map((client) => client.saved()));
  assert.equal(await metric('updates_appended_total'), floodCount * editsPerFlood);
  assert.equal(await metric('unsaved_edit_bytes'), 0);
});

test('I6: while ten other documents flood the disk, an edit is in the first or second commit that ends after its arrival', async (t) => {
  const { quire, disk, metric } = await flooded(t);
  const honest = await join(t, quire, 'honest');
  const saves: number[] = [];
  const writer = new TextWriter(1_000);
  const commits = (): Promise<number> => metric('commits_total');
  for (let edit = 1; edit <= 3; edit++) {
    honest.edit(writer.type('x'));
    const answer = { isThere: false };
    void honest.saved().then(
      () => (answer.isThere = true),
      () => {},
    );
    await honest.pinged();
    const before = await commits();
    while (!answer.isThere && (await commits()) - before < 10) {
      await disk.step();
      // The answer to the ping comes after everything that the commit made the server send.
      await honest.pinged();
    }
    saves.push((await commits()) - before);
  }
  t.diagnostic(`saved by commits ${saves.join(', ')}`);
  assert.ok(
    saves.every((count) => count <= 2),
    `saved by commits ${saves.join(', ')}`,
  );
  assert.ok((await metric('unsaved_edit_bytes')) > max / 8, 'the other documents still wait for the disk');
});
