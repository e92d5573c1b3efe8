import type { Connection } from './connection.ts';
import { byId, element, throttle } from './dom.ts';
import { asPerson } from './person.ts';
import { asProof, publishProof } from './proof.ts';
import { typeLikeMad } from './writers.ts';

const intervalMs = 150;

/** Runs the panel that compares the documents of all tabs, and its button that starts the writers. */
export function showProof(connection: Connection): void {
  const { awareness } = connection.provider;
  const panel = byId('proof', HTMLElement);
  const toggle = byId('proof-button', HTMLButtonElement);
  const verdict = byId('proof-verdict', HTMLParagraphElement);
  const rows = byId('proof-rows', HTMLTableSectionElement);

  const render = (): void => {
    if (panel.hidden) return;
    const tabs = [...awareness.getStates()]
      .filter(([, state]) => state['user'])
      .map(([client, state]) => ({
        client,
        name: asPerson(state['user']).name,
        proof: asProof(state['proof']),
      }))
      .sort(
        (a, b) =>
          Number(b.client === awareness.clientID) - Number(a.client === awareness.clientID) || a.client - b.client,
      );
    rows.replaceChildren(
      ...tabs.map(({ client, name, proof }) =>
        element(
          'tr',
          {},
          element(
            'th',
            { scope: 'row' },
            name,
            ...(client === awareness.clientID ? [element('em', {}, 'this tab')] : []),
          ),
          element('td', {}, element('code', {}, proof?.hash ?? '…')),
          ...[proof?.sent, proof?.saved, proof?.received].map((count) => element('td', {}, String(count ?? '…'))),
          element('td', {}, typeof proof?.roundTripMs === 'number' ? `${proof.roundTripMs} ms` : '…'),
        ),
      ),
    );
    const hashes = new Set(tabs.map(({ proof }) => proof?.hash));
    const same = hashes.size === 1 && !hashes.has(undefined);
    verdict.dataset['same'] = String(same && tabs.length > 1);
    verdict.textContent =
      tabs.length === 1
        ? 'Only this tab is here: open another one.'
        : same
          ? `✓ All ${tabs.length} tabs have the same document.`
          : `… ${hashes.size} different hashes in ${tabs.length} tabs.`;
  };

  toggle.addEventListener('click', () => {
    panel.hidden = !panel.hidden;
    toggle.ariaExpanded = String(!panel.hidden);
    awareness.setLocalStateField('watching', !panel.hidden);
    render();
  });
  awareness.on('change', throttle(render, intervalMs));
  publishProof(connection);

  const mad = byId('type-like-mad', HTMLButtonElement);
  let next: (() => void) | null = null;
  mad.addEventListener('click', () => {
    if (next) return next();
    next = typeLikeMad(connection.provider, (phase) => {
      mad.textContent = { typing: 'Stop the writers', done: 'Send the writers away', gone: 'Type like mad' }[phase];
      mad.ariaPressed = String(phase === 'typing');
      if (phase === 'gone') next = null;
    });
  });
}
