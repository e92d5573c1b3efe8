import { Extension } from '@tiptap/core';
import { yCursorPlugin } from '@tiptap/y-tiptap';
import type { Awareness } from 'y-protocols/awareness';
import { element } from './dom.ts';
import { asPerson } from './person.ts';

/** Shows the carets and selections of other users, in their colours and with their names. */
export const Carets = Extension.create<{ awareness: Awareness }>({
  name: 'carets',
  // After the plugins of Collaboration, which translate positions.
  priority: 10,
  addProseMirrorPlugins() {
    return [yCursorPlugin(this.options.awareness, { cursorBuilder: caret, selectionBuilder: selection })];
  },
});

function caret(user: unknown): HTMLElement {
  const { name, color } = asPerson(user);
  const made = element('span', { className: 'caret' }, element('span', { className: 'caret-name' }, name));
  // The Content-Security-Policy forbids a style attribute.
  made.style.setProperty('--person', color);
  return made;
}

function selection(user: unknown): { class: string; style: string } {
  return { class: 'selection', style: `--person: ${asPerson(user).color}` };
}
