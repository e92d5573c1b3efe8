import { byId } from './dom.ts';
import { onRefused } from '../client/client.ts';
import type { Refusal } from '../client/client.ts';
import { statusOf } from './status.ts';
import type { StatusState } from './status.ts';
import { permissionDenied } from './connection.ts';
import type { Connection } from './connection.ts';
import { storedToken, useToken } from './token.ts';
import { tokenForm } from './token-form.ts';

/** "Saved" appears only after it has been true for this long, so that the line does not flicker while a user types. */
const calmMs = 250;

/**
 * Keeps the status line up to date, runs the offline switch, asks for a token when the server wants one, and warns
 * before a tab with unsaved edits is closed. `setEditable(false)` is called when the server drops an edit of this
 * client.
 */
export function showStatus({ doc, provider, saved, copy }: Connection, setEditable: (editable: boolean) => void): void {
  const line = byId('status', HTMLDivElement);
  const headline = byId('status-headline', HTMLElement);
  const detail = byId('status-detail', HTMLSpanElement);
  const action = byId('status-action', HTMLButtonElement);
  const spoken = byId('status-spoken', HTMLParagraphElement);
  const offline = byId('offline', HTMLInputElement);

  let refusal: Refusal | null = null;
  let lost = false;
  let keptHere = false;
  let typedSinceSaved = false;
  let shown: StatusState = 'connecting';
  let calm: number | undefined;

  const render = (): void => {
    window.clearTimeout(calm);
    const {
      state,
      headline: head,
      detail: more,
      action: button,
      wantsToken,
    } = statusOf({
      refusal,
      offlineByChoice: offline.checked,
      connected: provider.wsconnected,
      lost,
      synced: provider.synced,
      saved: saved.state,
      keptHere,
      hasToken: storedToken() !== null,
    });
    if (state === 'saved' && shown === 'saving') {
      shown = 'saved';
      calm = window.setTimeout(render, calmMs);
      return;
    }
    // A screen reader must not say "saving, saved" after every word.
    if (state !== line.dataset['state'] && state !== 'saving' && line.dataset['state'] !== 'saving') {
      spoken.textContent = `${head} ${more}`;
    }
    shown = state;
    line.dataset['state'] = state;
    headline.textContent = head;
    detail.textContent = more;
    action.hidden = button === null;
    action.textContent = button === 'discard' ? 'Discard this copy' : 'Try again';
    action.dataset['action'] = button ?? '';
    // A form that has been used stays until the token is accepted.
    if (wantsToken) form.show();
    else if (refusal !== null || provider.synced) form.hide();
  };

  const reconnect = (): void => {
    refusal = null;
    lost = false;
    offline.checked = false;
    provider.connect();
    render();
  };

  const form = tokenForm((token) => {
    useToken(provider, token);
    // A client that may only read is still connected.
    provider.disconnect();
    setEditable(true);
    reconnect();
  });

  saved.subscribe((state) => {
    if (state.saved) typedSinceSaved = false;
    render();
  });
  doc.on('update', (_update: Uint8Array, origin: unknown) => {
    if (origin !== provider && origin !== copy) typedSinceSaved = true;
  });
  provider.on('status', ({ status }) => {
    if (status === 'connected') lost = false;
    render();
  });
  provider.on('sync', render);
  provider.on('connection-close', () => {
    lost = true;
    render();
  });
  onRefused(provider, (reason) => {
    refusal = reason;
    render();
  });
  provider.messageHandlers[permissionDenied] = () => {
    refusal = { code: 4403, reason: 'you may only read this document' };
    setEditable(false);
    render();
  };
  void copy.whenSynced.then(() => {
    keptHere = true;
    render();
  });

  offline.addEventListener('change', () => {
    if (offline.checked) provider.disconnect();
    else provider.connect();
    render();
  });
  action.addEventListener('click', () => {
    if (action.dataset['action'] === 'discard') {
      typedSinceSaved = false;
      void copy.clearData().then(() => location.reload());
      return;
    }
    reconnect();
  });
  window.addEventListener('beforeunload', (event) => {
    if (typedSinceSaved) event.preventDefault();
  });
  render();
}
