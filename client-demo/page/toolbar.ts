import type { Editor } from '@tiptap/core';
import { byId, element } from './dom.ts';
import { editLink } from './link-dialog.ts';

interface Tool {
  readonly label: string;
  /** In the notation of ProseMirror: `Mod` is Cmd on a Mac, Ctrl elsewhere. */
  readonly keys: string;
  readonly icon: string;
  readonly run: (editor: Editor) => unknown;
  readonly isActive?: (editor: Editor) => boolean;
}

const groups: readonly (readonly Tool[])[] = [
  [
    { label: 'Undo my last edit', keys: 'Mod-Z', icon: '↶', run: (editor) => editor.chain().focus().undo().run() },
    { label: 'Redo', keys: 'Mod-Shift-Z', icon: '↷', run: (editor) => editor.chain().focus().redo().run() },
  ],
  [heading(1), heading(2), heading(3)],
  [
    mark('Bold', 'bold', 'Mod-B', 'B', (editor) => editor.chain().focus().toggleBold().run()),
    mark('Italic', 'italic', 'Mod-I', 'I', (editor) => editor.chain().focus().toggleItalic().run()),
    mark('Code', 'code', 'Mod-E', '</>', (editor) => editor.chain().focus().toggleCode().run()),
    mark('Link', 'link', 'Mod-K', 'Link', editLink),
  ],
  [
    mark('Bullet list', 'bulletList', 'Mod-Shift-8', '• –', (editor) =>
      editor.chain().focus().toggleBulletList().run(),
    ),
    mark('Numbered list', 'orderedList', 'Mod-Shift-7', '1.', (editor) =>
      editor.chain().focus().toggleOrderedList().run(),
    ),
    mark('Task list', 'taskList', 'Mod-Shift-9', '☑', (editor) => editor.chain().focus().toggleTaskList().run()),
    mark('Quote', 'blockquote', 'Mod-Shift-B', '❝', (editor) => editor.chain().focus().toggleBlockquote().run()),
    mark('Code block', 'codeBlock', 'Mod-Alt-C', '{ }', (editor) => editor.chain().focus().toggleCodeBlock().run()),
  ],
];

function mark(label: string, name: string, keys: string, icon: string, run: Tool['run']): Tool {
  return { label, keys, icon, run, isActive: (editor) => editor.isActive(name) };
}

function heading(level: 1 | 2 | 3): Tool {
  return {
    label: `Heading ${level}`,
    keys: `Mod-Alt-${level}`,
    icon: `H${level}`,
    run: (editor) => editor.chain().focus().toggleHeading({ level }).run(),
    isActive: (editor) => editor.isActive('heading', { level }),
  };
}

/** Fills the toolbar. It is one tab stop, and the arrow keys move within it, as the ARIA role requires. */
export function showToolbar(editor: Editor): void {
  const bar = byId('toolbar', HTMLDivElement);
  const isMac = navigator.platform.startsWith('Mac');
  const buttons: HTMLButtonElement[] = [];

  for (const group of groups) {
    const box = element('div', { className: 'group', role: 'group' });
    for (const tool of group) {
      const keys = tool.keys.replace('Mod', isMac ? '⌘' : 'Ctrl').replaceAll('-', '+');
      const button = element(
        'button',
        { type: 'button', title: `${tool.label} (${keys})`, ariaLabel: tool.label },
        tool.icon,
      );
      button.dataset['tool'] = tool.label;
      button.tabIndex = buttons.length === 0 ? 0 : -1;
      // Keeps the focus and the selection in the document.
      button.addEventListener('mousedown', (event) => event.preventDefault());
      button.addEventListener('click', () => tool.run(editor));
      const { isActive } = tool;
      if (isActive) {
        const render = (): void => button.setAttribute('aria-pressed', String(isActive(editor)));
        editor.on('transaction', render);
        render();
      }
      buttons.push(button);
      box.append(button);
    }
    bar.append(box);
  }

  bar.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    buttons[at]!.tabIndex = -1;
    const next = buttons.at(to % buttons.length)!;
    next.tabIndex = 0;
    next.focus();
  });

  editor.view.dom.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'k' || !(isMac ? event.metaKey : event.ctrlKey)) return;
    event.preventDefault();
    editLink(editor);
  });
}
