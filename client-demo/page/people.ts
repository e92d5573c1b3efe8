import type { Awareness } from 'y-protocols/awareness';
import { byId, element } from './dom.ts';
import { asPerson, loadPerson, savePerson } from './person.ts';
import type { Person } from './person.ts';

const shownBadges = 4;

/** Publishes the user of this tab, lists all users in the document, and runs the form that changes name and colour. */
export function showPeople(awareness: Awareness): void {
  const badges = byId('people-badges', HTMLSpanElement);
  const list = byId('people-list', HTMLUListElement);
  const button = byId('people-button', HTMLButtonElement);
  const form = byId('person', HTMLFormElement);
  const name = byId('person-name', HTMLInputElement);
  const color = byId('person-color', HTMLInputElement);

  const me = loadPerson();
  name.value = me.name;
  color.value = me.color;
  awareness.setLocalStateField('user', me);

  const rename = (): void => {
    const person = asPerson({ name: name.value.trim(), color: color.value });
    if (name.value.trim() === '') return;
    savePerson(person);
    awareness.setLocalStateField('user', person);
  };
  form.addEventListener('input', rename);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    byId('people', HTMLElement).hidePopover();
  });

  let shown = '';
  const render = (): void => {
    const people = [...awareness.getStates()]
      // Programs may publish no user.
      .filter(([, state]) => state['user'])
      .map(([client, state]) => ({ ...asPerson(state['user']), isMe: client === awareness.clientID }))
      .sort((a, b) => Number(b.isMe) - Number(a.isMe) || a.name.localeCompare(b.name));
    // Most changes only move carets. A button that is rebuilt between press and release loses the click.
    const key = JSON.stringify(people);
    if (key === shown) return;
    shown = key;
    badges.replaceChildren(
      ...people.slice(0, shownBadges).map(badge),
      ...(people.length > shownBadges
        ? [element('span', { className: 'more' }, `+${people.length - shownBadges}`)]
        : []),
    );
    button.setAttribute('aria-label', `People here: ${people.length === 1 ? 'only you' : people.length}`);
    list.replaceChildren(
      ...people.map((person) =>
        element('li', {}, badge(person), person.name, ...(person.isMe ? [element('em', {}, 'you')] : [])),
      ),
    );
  };
  awareness.on('change', render);
  render();
}

function badge({ name, color }: Person): HTMLElement {
  const made = element(
    'span',
    { className: 'badge', title: name, ariaHidden: 'true' },
    name.slice(0, name.codePointAt(0)! > 0xffff ? 2 : 1).toUpperCase(),
  );
  made.style.background = color;
  return made;
}
