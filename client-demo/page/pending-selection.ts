import { Extension } from '@tiptap/core';
import { yCursorPluginKey } from '@tiptap/y-tiptap';
import type { Doc } from 'yjs';

/**
 * Keeps a click in a busy document. A browser moves the caret first and fires `selectionchange` in a later task. If a
 * remote change is drawn in between, ProseMirror puts the caret back (seen with one click in ten, on a slow machine).
 * So ProseMirror reads the selection before remote edits are drawn, and before remote carets are, which the plugin of
 * Yjs draws some time after it received them.
 */
export const PendingSelection = Extension.create<{ doc: Doc }>({
  name: 'pendingSelection',
  onBeforeCreate() {
    this.options.doc.on('beforeAllTransactions', announceSelection);
  },
  dispatchTransaction({ transaction, next }) {
    const carets: unknown = transaction.getMeta(yCursorPluginKey);
    if (carets === undefined) {
      next(transaction);
      return;
    }
    announceSelection();
    // A new transaction, because the given one has the old selection.
    next(this.editor.state.tr.setMeta(yCursorPluginKey, carets));
  },
});

/** Makes ProseMirror read the selection from the DOM. */
function announceSelection(): void {
  document.dispatchEvent(new Event('selectionchange'));
}
