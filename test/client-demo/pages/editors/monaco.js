import * as monaco from 'monaco-editor';
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker?worker';
import { MonacoBinding } from 'y-monaco';
import { doc, provider } from '../document.js';

// As Vite loads workers; other bundlers have plugins for it.
self.MonacoEnvironment = { getWorker: () => new EditorWorker() };

const editor = monaco.editor.create(document.querySelector('#editor'), { value: '', language: 'plaintext' });
// Not the line ends of the platform: every client must count the same characters.
editor.getModel().setEOL(monaco.editor.EndOfLineSequence.LF);
new MonacoBinding(doc.getText('monaco'), editor.getModel(), new Set([editor]), provider.awareness);
