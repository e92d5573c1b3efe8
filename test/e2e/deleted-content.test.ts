/** Editors with `gc: false` restore versions from deleted content. `--keep-deleted` keeps it in folds and restarts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Quire } from '../support/quire.ts';
import { StockClient } from '../support/stock-client.ts';
import { storedSnapshotBytes } from './stored-snapshot.ts';

/** Enough content to be folded when the server stops. */
const chapter = 'It was a dark and stormy night. '.repeat(3_000);

/** Writes a chapter, saves a version of it, and deletes most of it in a later edit. */
async function writeAndDelete(client: StockClient): Promise<Y.Snapshot> {
  await client.synced();
  client.text.insert(0, chapter);
  const version = Y.snapshot(client.doc);
  await client.saved();
  client.text.delete(10, chapter.length - 10);
  client.text.insert(10, ' the end');
  await client.saved();
  return version;
}

function restored(doc: Y.Doc, version: Y.Snapshot): string {
  return Y.createDocFromSnapshot(doc, version).getText('text').toJSON();
}

test('I4: with --keep-deleted, a client that joins after a restart can restore a version from before a fold', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--keep-deleted', 'versions/*'] });
  const docIds = ['versions/kept', 'collected'];
  const versions: Y.Snapshot[] = [];
  for (const docId of docIds) {
    const author = new StockClient(quire.url, docId, { doc: new Y.Doc({ gc: false }) });
    versions.push(await writeAndDelete(author));
    assert.equal(restored(author.doc, versions.at(-1)!), chapter);
    author.destroy();
  }
  for (let restart = 0; restart < 2; restart += 1) {
    await quire.process.stop();
    const bytes: number[] = [];
    for (const docId of docIds) {
      bytes.push((await storedSnapshotBytes(quire.dataFolder, docId)) ?? assert.fail(`${docId} is not folded`));
    }
    assert.ok(bytes[0]! > chapter.length && bytes[1]! < 1_000, `snapshots of ${bytes.join(' and ')} bytes`);
    await quire.restart();
    for (const [i, docId] of docIds.entries()) {
      const reader = new StockClient(quire.url, docId, { doc: new Y.Doc({ gc: false }) });
      t.after(() => reader.destroy());
      await reader.synced();
      assert.equal(reader.content, `${chapter.slice(0, 10)} the end`);
      if (i === 0) assert.equal(restored(reader.doc, versions[i]!), chapter);
      else assert.notEqual(restored(reader.doc, versions[i]!), chapter);
    }
  }
});
