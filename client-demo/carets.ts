import { Extension } from '@tiptap/core';
import { yCursorPlugin } from '@tiptap/y-tiptap';
import type { Awareness } from 'y-protocols/awareness';
import { element } from './dom.ts';
import { asPerson } from './person.ts';

/** The carets and selections of the others, in their colours and with their names. */
export const Carets = Extension.create<{ awareness: Awareness }>({
  name: 'carets',
  // The plugins of Collaboration, which translate positions, must come first.
  priority: 10,
  addProseMirrorPlugins() {
    return [yCursorPlugin(this.options.awareness, { cursorBuilder: caret, selectionBuilder: selection })];
  },
});

function caret(user: unknown): HTMLElement {
  const { name, color } = asPerson(user);
  const made = element('span', { className: 'caret' }, element('span', { className: 'caret-name' }, name));
  // Not by a style attribute, which the Content-Security-Policy forbids.
  made.style.setProperty('--person', color);
  return made;
}

function selection(user: unknown): { class: string; style: string } {
  return { class: 'selection', style: `--person: ${asPerson(user).color}` };
}
