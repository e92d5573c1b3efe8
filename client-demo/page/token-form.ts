import { byId } from './dom.ts';

/** The form beside the status line that asks for a token. */
export interface TokenForm {
  show(): void;
  /** Hides the form. If it had the focus, the editor gets it. */
  hide(): void;
}

/** Calls back with each token that is entered. The form stays visible until `hide`, so that the focus is not lost. */
export function tokenForm(onToken: (token: string) => void): TokenForm {
  const form = byId('token-form', HTMLFormElement);
  const input = byId('token', HTMLInputElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const token = input.value.trim();
    input.value = '';
    if (token !== '') onToken(token);
  });
  return {
    show() {
      form.hidden = false;
    },
    hide() {
      if (form.contains(document.activeElement)) document.querySelector<HTMLElement>('.ProseMirror')?.focus();
      form.hidden = true;
    },
  };
}
