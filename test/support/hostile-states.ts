/** A position that every binding can read, as a Yjs client writes it: the end of the root type `name`. */
export function endOf(name: string): Readonly<Record<string, unknown>> {
  return { type: null, tname: name, item: null, assoc: 0 };
}

/** Positions that no binding can read. */
const positions: Readonly<Record<string, unknown>> = {
  'an empty position': {},
  'a null position': null,
  'a number as a position': 7,
  'a text as a position': 'x',
  'a list as a position': [],
  'an item without a clock': { type: null, tname: null, item: { client: 1 }, assoc: 0 },
  'an item without a client': { type: null, tname: null, item: { clock: 0 }, assoc: 0 },
  'a text as an item': { type: null, tname: null, item: 'x', assoc: 0 },
  'a number as an item': { type: null, tname: null, item: 1, assoc: 0 },
  'an item with a negative clock': { type: null, tname: null, item: { client: 1, clock: -1 }, assoc: 0 },
  'an item with a fraction of a clock': { type: null, tname: null, item: { client: 1, clock: 0.5 }, assoc: 0 },
  'an item with a text as its clock': { type: null, tname: null, item: { client: 1, clock: '0' }, assoc: 0 },
  'a type without a clock': { type: { client: 1 }, tname: null, item: null, assoc: 0 },
  'a type that is a text': { type: 'x', tname: null, item: null, assoc: 0 },
  'a number as a root type': { type: null, tname: 5, item: null, assoc: 0 },
  'an object as a root type': { type: null, tname: {}, item: null, assoc: 0 },
};

/** Values that are no pair of positions. */
const carets: Readonly<Record<string, unknown>> = {
  'an empty caret': {},
  'a mouse pointer': { x: 10, y: 20 },
  'a number': 5,
  'a text': 'here',
  'a list': [1, 2],
  true: true,
  'an anchor alone': { anchor: endOf('x') },
  ...Object.fromEntries(
    Object.entries(positions).map(([name, position]) => [name, { anchor: position, head: position }]),
  ),
};

/** Values of `user` (in Lexical: fields beside the positions) that a binding cannot draw. */
const people: Readonly<Record<string, unknown>> = {
  'a user that is a text': 'm',
  'a user that is a number': 5,
  'a user that is true': true,
  'a name that cannot be written': { name: { toString: 1, valueOf: 1 }, color: '#ff0000' },
  'a color that cannot be written': { name: 'm', color: { toString: 1, valueOf: 1 } },
};

export interface HostileState {
  readonly name: string;
  readonly state: unknown;
}

/**
 * States of one client that must not disturb the editors of other clients. `root` is the name of the root type of the
 * editor's content, so that a state can have valid positions and be invalid elsewhere.
 */
export function hostileStates(root: string): HostileState[] {
  const user = { name: 'm', color: '#ff0000' };
  const good = { anchor: endOf(root), head: endOf(root) };
  return [
    ...Object.entries(carets).map(([name, caret]) => ({
      name,
      // Each under a name that one of the bindings reads.
      state: { user, cursor: caret, selection: caret, ...lexical(caret), name: 'm', color: '#ff0000' },
    })),
    ...Object.entries(people).map(([name, person]) => ({
      name,
      state: {
        user: person,
        cursor: good,
        selection: good,
        ...lexical(good),
        name: nameOf(person),
        color: colorOf(person),
      },
    })),
    ...[7, 'text', [], [1], true].map((state) => ({ name: `the state ${JSON.stringify(state)}`, state })),
    {
      name: 'keys of a prototype',
      state: JSON.parse(
        '{"__proto__":{"cursor":{}},"user":{"__proto__":{"name":{}}},"cursor":{"__proto__":{"anchor":1}}}',
      ) as unknown,
    },
  ];
}

/** States of honest clients in JSON, as the stock bindings and pages send them. `root` is the name of a root type. */
export function honestStates(root: string): HostileState[] {
  const user = { name: 'Ada', color: '#30bced', colorLight: '#30bced33' };
  const inText = { type: null, tname: null, item: { client: 1, clock: 0 }, assoc: 0 };
  const inNode = { type: { client: 1, clock: 0 }, tname: null, item: null, assoc: -1 };
  const caret = { anchor: inText, head: endOf(root) };
  return [
    { name: 'y-prosemirror, y-tiptap, BlockNote, y-codemirror.next or y-quill', state: { user, cursor: caret } },
    { name: 'the same at the end of an empty node', state: { user, cursor: { anchor: inNode, head: inNode } } },
    { name: 'the same without focus', state: { user, cursor: null } },
    { name: 'a caret without a user', state: { cursor: caret } },
    { name: 'a caret in the root type without a name', state: { cursor: { anchor: endOf(''), head: endOf('') } } },
    { name: 'y-monaco', state: { user, selection: caret } },
    {
      name: 'Lexical',
      state: {
        anchorPos: inText,
        focusPos: endOf(root),
        focusing: true,
        name: 'Ada',
        color: '#5b4bd6',
        awarenessData: {},
      },
    },
    {
      name: 'Lexical without focus',
      state: { anchorPos: null, focusPos: null, focusing: false, name: 'Ada', color: 'red' },
    },
    { name: 'slate-yjs', state: { user, selection: { anchor: inText, focus: inText } } },
    { name: 'a mouse pointer beside a caret', state: { user, cursor: caret, mouse: { x: 10, y: 20 } } },
    {
      name: 'fields of a page',
      state: { user: { ...user, avatar: 'a.png', team: [1] }, typing: true, name: {}, color: 7 },
    },
    { name: 'a user that is only a name', state: { user: 'Ada' } },
    { name: 'a selection of another kind', state: { selection: { from: 1, to: 5 } } },
    { name: 'nothing', state: {} },
  ];
}

function lexical(caret: unknown): object {
  const { anchor, head } = (typeof caret === 'object' ? caret : {}) as { anchor?: unknown; head?: unknown };
  return { anchorPos: anchor ?? caret, focusPos: head ?? caret, focusing: true };
}

function nameOf(person: unknown): unknown {
  return typeof person === 'object' && person !== null && 'name' in person ? person.name : person;
}

function colorOf(person: unknown): unknown {
  return typeof person === 'object' && person !== null && 'color' in person ? person.color : person;
}
