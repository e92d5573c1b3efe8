import { EditorView, basicSetup } from 'codemirror';
import { keymap } from '@codemirror/view';
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next';
import { doc, provider } from '../document.js';

const text = doc.getText('codemirror');

new EditorView({
  parent: document.querySelector('#editor'),
  doc: text.toString(),
  extensions: [keymap.of(yUndoManagerKeymap), basicSetup, yCollab(text, provider.awareness)],
});
