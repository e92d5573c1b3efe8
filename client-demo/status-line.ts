import { byId } from './dom.ts';
import { onRefused, type Refusal } from './client/client.ts';
import { statusOf, type StatusState } from './status.ts';
import type { Connection } from './connection.ts';

/** "Saved" appears only after it has been true for this long: no flicker while somebody types. */
const calmMs = 250;
/** Message type of the protocol: an edit was dropped, because this person may only read. */
const permissionDenied = 2;

/** Keeps the status line true, runs the offline switch, and warns before a tab is closed that has unsaved edits. */
export function showStatus({ doc, provider, saved, copy }: Connection, stopEditing: () => void): void {
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
    } = statusOf({
      refusal,
      offlineByChoice: offline.checked,
      connected: provider.wsconnected,
      lost,
      synced: provider.synced,
      saved: saved.state,
      keptHere,
    });
    if (state === 'saved' && shown === 'saving') {
      shown = 'saved';
      calm = window.setTimeout(render, calmMs);
      return;
    }
    // Nobody wants to hear "saving, saved" after every word.
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
  };

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
    stopEditing();
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
    refusal = null;
    provider.connect();
    render();
  });
  window.addEventListener('beforeunload', (event) => {
    if (typedSinceSaved) event.preventDefault();
  });
  render();
}
