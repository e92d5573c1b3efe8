import { Editor } from '@tiptap/core';
import { Collaboration } from '@tiptap/extension-collaboration';
import { TaskItem, TaskList } from '@tiptap/extension-list';
import { Placeholder } from '@tiptap/extensions';
import { StarterKit } from '@tiptap/starter-kit';
import type { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import { Carets } from './carets.ts';
import { PendingSelection } from './pending-selection.ts';

export interface EditorOptions {
  readonly mount: HTMLElement;
  readonly doc: Doc;
  readonly awareness: Awareness;
  readonly editable: boolean;
}

/**
 * Creates a Tiptap editor on a Yjs document. The text is in the fragment `default`. Undo affects only this user's
 * edits.
 */
export function createEditor({ mount, doc, awareness, editable }: EditorOptions): Editor {
  return new Editor({
    element: mount,
    editable,
    // The Content-Security-Policy allows style sheets from files only, so the rules are in style.css.
    injectCSS: false,
    editorProps: { attributes: { 'aria-label': 'Document', 'aria-multiline': 'true', role: 'textbox' } },
    extensions: [
      StarterKit.configure({
        undoRedo: false,
        // Otherwise each client adds an empty last paragraph of its own.
        trailingNode: false,
        heading: { levels: [1, 2, 3] },
        link: { openOnClick: false, defaultProtocol: 'https' },
      }),
      TaskList,
      TaskItem.configure({ nested: true }),
      Placeholder.configure({ placeholder: 'Write something. Then open another tab.' }),
      Collaboration.configure({ document: doc }),
      Carets.configure({ awareness }),
      PendingSelection.configure({ doc }),
    ],
  });
}
