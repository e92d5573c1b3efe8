import type { Editor } from '@tiptap/core';
import { byId } from './dom.ts';

/** Opens the dialog that sets, changes or removes the link at the selection. */
export function editLink(editor: Editor): void {
  const dialog = byId('link-dialog', HTMLDialogElement);
  const address = byId('link-address', HTMLInputElement);
  const { href } = editor.getAttributes('link') as { href?: string };
  address.value = href ?? '';
  dialog.returnValue = 'cancel';
  dialog.addEventListener(
    'close',
    () => {
      const link = editor.chain().focus().extendMarkRange('link');
      const url = address.value.trim();
      if (dialog.returnValue === 'remove') link.unsetLink().run();
      if (dialog.returnValue !== 'set' || url === '') return;
      if (href === undefined && editor.state.selection.empty) {
        link.insertContent({ type: 'text', text: url, marks: [{ type: 'link', attrs: { href: url } }] }).run();
      } else link.setLink({ href: url }).run();
    },
    { once: true },
  );
  dialog.showModal();
}
