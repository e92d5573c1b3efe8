import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { writePaper } from './automerge-paper.ts';
import { storedSnapshotBytes } from './stored-snapshot.ts';

test('I1 I4: a paper is written in 259,778 keystrokes while the server is killed twelve times, and nothing saved is lost', async (t) => {
  const { quire, writer, docName } = await writePaper(t, { edits: Infinity, kills: 12 });
  await quire.process.stop();
  const stored = (await storedSnapshotBytes(quire.dataFolder, docName)) ?? NaN;
  const fresh = Y.encodeStateAsUpdate(writer.doc).length;
  t.diagnostic(`snapshot ${stored} bytes, Yjs ${fresh}`);
  assert.ok(stored <= 1.3 * fresh, `the snapshot has ${stored} bytes, Yjs writes ${fresh}`);
});
