import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { writePaper } from './automerge-paper.ts';
import { storedSnapshotBytes } from './stored-snapshot.ts';

test('I1 I4: a paper is written keystroke by keystroke while the server is killed three times, and nothing saved is lost', async (t) => {
  const { quire, writer, docName } = await writePaper(t, { edits: 15_000, kills: 3 });
  // A kill may have interrupted a compaction. The next edit starts another one.
  await writer.synced();
  writer.text.insert(0, '%');
  await quire.process.find(compactionOf, 'the document is folded into a snapshot');
  await quire.process.stop();
  const stored = await storedSnapshotBytes(quire.dataFolder, docName);
  assert.ok(
    stored !== null && stored <= 1.3 * Y.encodeStateAsUpdate(writer.doc).length,
    `the snapshot has ${stored} bytes`,
  );
});

function compactionOf(line: string): true | undefined {
  return line.includes('document compacted') || undefined;
}
