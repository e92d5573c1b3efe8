import Quill from 'quill';
import QuillCursors from 'quill-cursors';
import { QuillBinding } from 'y-quill';
import 'quill/dist/quill.snow.css';
import { doc, provider } from '../document.js';

Quill.register('modules/cursors', QuillCursors);

const quill = new Quill('#editor', {
  theme: 'snow',
  modules: { cursors: true, history: { userOnly: true } },
});
new QuillBinding(doc.getText('quill'), quill, provider.awareness);
