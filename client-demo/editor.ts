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

/** Tiptap on a Yjs document. Collaboration keeps the text in the fragment `default` and undoes one's own edits only. */
export function createEditor({ mount, doc, awareness, editable }: EditorOptions): Editor {
  return new Editor({
    element: mount,
    editable,
    // The Content-Security-Policy allows style sheets from files only; style.css has the rules.
    injectCSS: false,
    editorProps: { attributes: { 'aria-label': 'Document', 'aria-multiline': 'true', role: 'textbox' } },
    extensions: [
      StarterKit.configure({
        undoRedo: false,
        // Every client would add its own empty last paragraph.
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
