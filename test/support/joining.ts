import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { DocClient } from './doc-client.ts';
import type { Typist } from './shared-text.ts';
import type { ClientOptions, SyncHarness } from './sync-harness.ts';

/** Joins with an editor, which may have a document already. Resolves when no more messages arrive. */
export async function joined(harness: SyncHarness, doc = new Y.Doc(), options: ClientOptions = {}): Promise<DocClient> {
  const editor = new DocClient(await harness.live(options), doc);
  editor.ask();
  await settled(harness, editor);
  return editor;
}

/** Lets the editors read, answer and type until no more messages arrive. */
export async function settled(harness: SyncHarness, ...editors: DocClient[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await harness.settle();
    for (const editor of editors) editor.read();
    harness.log.commit('doc');
  }
}

/**
 * Asserts that the editor has the complete document of the writer, and was told once that it is synced, when it was.
 */
export function assertSame(editor: DocClient, writer: Typist): void {
  assert.equal(editor.text, writer.text);
  assert.deepEqual(Y.encodeStateVector(editor.doc), Y.encodeStateVector(writer.doc));
  assert.equal(editor.isWhole, true);
  assert.equal(editor.wholeWhenSynced, true);
  assert.equal(editor.synced, 1);
}
