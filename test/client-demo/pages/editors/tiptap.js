import { Editor } from '@tiptap/core';
import StarterKit from '@tiptap/starter-kit';
import Collaboration from '@tiptap/extension-collaboration';
import CollaborationCaret from '@tiptap/extension-collaboration-caret';
import { doc, provider } from '../document.js';

new Editor({
  element: document.querySelector('#editor'),
  extensions: [
    // Undo belongs to Collaboration; a trailing node would be added by every client.
    StarterKit.configure({ undoRedo: false, trailingNode: false }),
    Collaboration.configure({ document: doc }),
    CollaborationCaret.configure({ provider, user: provider.awareness.getLocalState().user }),
  ],
});
