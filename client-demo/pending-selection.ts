import { Extension } from '@tiptap/core';
import { yCursorPluginKey } from '@tiptap/y-tiptap';
import type { Doc } from 'yjs';

/**
 * A browser moves the caret first and tells so in a task of its own. What others do in between would make ProseMirror
 * put the caret back (seen: one click in ten, in a busy document on a slow machine). So it looks before anything of
 * theirs is drawn: their edits, and their carets, which Yjs's plugin draws some time after it heard of them.
 */
export const PendingSelection = Extension.create<{ doc: Doc }>({
  name: 'pendingSelection',
  onBeforeCreate() {
    this.options.doc.on('beforeAllTransactions', tellSelection);
  },
  dispatchTransaction({ transaction, next }) {
    const carets: unknown = transaction.getMeta(yCursorPluginKey);
    if (carets === undefined) {
      next(transaction);
      return;
    }
    tellSelection();
    // Made anew: the other one has the selection from before.
    next(this.editor.state.tr.setMeta(yCursorPluginKey, carets));
  },
});

function tellSelection(): void {
  document.dispatchEvent(new Event('selectionchange'));
}
