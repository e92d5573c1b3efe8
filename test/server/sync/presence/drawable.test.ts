import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { relativePositionToAbsolutePosition } from '@tiptap/y-tiptap';
import * as Y from 'yjs';
import { drawable } from '../../../../server/sync/presence/drawable.ts';
import { endOf, honestStates, hostileStates } from '../../../support/hostile-states.ts';
import { randomOf } from '../../../support/random.ts';
import type { Random } from '../../../support/random.ts';

type Fields = Record<string, unknown>;

/** A document of two clients with text, nested nodes, attributes and deletions. */
function someDocument(): { doc: Y.Doc; fragment: Y.XmlFragment } {
  const doc = new Y.Doc();
  doc.clientID = 1;
  const fragment = doc.getXmlFragment('default');
  const list = new Y.XmlElement('list');
  const paragraph = new Y.XmlElement('paragraph');
  const text = new Y.XmlText('some text');
  paragraph.insert(0, [text]);
  list.insert(0, [paragraph]);
  fragment.insert(0, [list, new Y.XmlElement('rule')]);
  paragraph.setAttribute('level', '1');
  text.format(0, 4, { bold: true });
  doc.clientID = 2;
  text.delete(2, 3);
  fragment.delete(1, 1);
  doc.getMap('meta').set('title', 'x');
  return { doc, fragment };
}

/** Reads every caret of a state like the bindings do. Throws if one of them would throw. */
function draw(state: unknown, { doc, fragment }: ReturnType<typeof someDocument>): void {
  const { user, cursor, selection, anchorPos, focusPos, focusing, name, color } = state as Fields;
  // y-prosemirror, y-tiptap and BlockNote.
  if (isSet(cursor)) {
    const shown = (user || {}) as Fields;
    shown['color'] ??= '#ffa500';
    shown['name'] ??= 'User';
    write(shown['name'], shown['color']);
    for (const position of pairOf(cursor)) {
      // Every node has a size, as in an editor that shows all nodes.
      const mapping = { get: () => ({ nodeSize: 2 }) } as never;
      relativePositionToAbsolutePosition(doc, fragment, Y.createRelativePositionFromJSON(position), mapping);
    }
  }
  // y-codemirror.next and y-monaco read only the long form.
  for (const value of [cursor, selection]) {
    if (!isSet(value) || !pairOf(value).every(isSet)) continue;
    for (const position of pairOf(value)) readLong(position, doc);
  }
  if (!focusing) return;
  write(name, color);
  for (const position of [anchorPos, focusPos]) if (position) readLong(position, doc);
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null;

const pairOf = (value: unknown): unknown[] => [(value as Fields)['anchor'], (value as Fields)['head']];

function readLong(position: unknown, doc: Y.Doc): void {
  const found = Y.createAbsolutePositionFromRelativePosition(position as Y.RelativePosition, doc);
  assert.ok(found === null || Number.isSafeInteger(found.index), `an index of ${found?.index}`);
}

/** Converts a value like `createTextNode` and a style attribute do. */
function write(name: unknown, color: unknown): void {
  // oxlint-disable-next-line typescript/no-base-to-string, typescript/restrict-template-expressions -- that is the test
  assert.equal(typeof `${name}${color}`, 'string');
}

/** The state that another client receives. */
const relayed = (state: unknown): unknown => JSON.parse(JSON.stringify(drawable(structuredClone(state))));

suite('presence state as other editors receive it', () => {
  for (const { name, state } of hostileStates('default')) {
    test(`I6: no binding fails to draw ${name}`, () => draw(relayed(state), someDocument()));
  }

  for (const { name, state } of honestStates('default')) {
    test(`the state of ${name} passes unchanged`, () => {
      assert.equal(drawable(state), state);
      draw(relayed(state), someDocument());
    });
  }

  test('the short form of a position, which some bindings cannot read, passes in the long form', () => {
    const { fragment } = someDocument();
    const list = fragment.get(0) as Y.XmlElement;
    for (const position of [
      Y.createRelativePositionFromTypeIndex((list.get(0) as Y.XmlElement).get(0) as Y.XmlText, 1),
      Y.createRelativePositionFromTypeIndex(list, 1),
      Y.createRelativePositionFromTypeIndex(fragment, 1, -1),
    ]) {
      const short: unknown = JSON.parse(JSON.stringify(Y.relativePositionToJSON(position)));
      const long: unknown = JSON.parse(JSON.stringify(position));
      assert.notDeepEqual(short, long);
      const { cursor } = drawable({ cursor: { anchor: short, head: short } }) as { cursor: unknown };
      assert.deepEqual(cursor, { anchor: long, head: long });
    }
  });

  test('a mouse pointer in the field cursor is removed, and no other field', () => {
    const mouse = { x: 10, y: 20 };
    const user = { name: 'Ada', color: '#30bced' };
    assert.deepEqual(drawable({ user, cursor: mouse, mouse }), { user, mouse });
    assert.deepEqual(drawable({ user: 'Ada', cursor: { anchor: endOf('x'), head: endOf('x') } }), { user: 'Ada' });
  });

  test('a state that is not an object passes, because bindings read no fields of it', () => {
    for (const state of [7, 'text', true, [], [{ cursor: {} }]]) assert.equal(drawable(state), state);
  });

  test('I6: no binding fails to read a position that passes', (t) => {
    const random = randomOf(t);
    const document = someDocument();
    let drawn = 0;
    for (let i = 0; i < 5_000; i++) {
      const caret = { anchor: somePosition(random), head: somePosition(random) };
      const state = relayed({
        cursor: caret,
        selection: caret,
        anchorPos: caret.anchor,
        focusPos: caret.head,
        focusing: 1,
      });
      draw(state, document);
      if ('cursor' in (state as Fields)) drawn++;
    }
    assert.ok(drawn > 100, `${drawn} passed`);
  });
});

const shown = (user: Fields): unknown => (drawable({ user }) as { user: unknown }).user;

suite('names and colors in presence', () => {
  test('a color cannot add other styles or load a file', () => {
    for (const color of [
      'red; background: url(//example.org/x)',
      'red;position:fixed',
      'red}body{display:none',
      'url(//example.org/x)',
      'image-set(url(x) 1x)',
      'red/**/;left:0',
      '\\72 ed;left:0',
      '"red"',
      `#${'f'.repeat(1_000)}`,
      '',
      7,
      {},
      ['red'],
    ]) {
      assert.deepEqual(shown({ name: 'm', color, colorLight: color }), { name: 'm' }, JSON.stringify(color));
    }
  });

  test('every notation of a color passes', () => {
    for (const color of [
      '#abc',
      '#30bced',
      '#30BCED33',
      'rebeccapurple',
      'rgb(1, 2, 3)',
      'rgba(1,2,3,.5)',
      'rgb(1 2 3 / 50%)',
      'hsl(120deg 50% 50%)',
      'oklch(70% 0.1 200)',
      'color-mix(in srgb, red 50%, blue)',
      'var(--person)',
      null,
    ]) {
      const user = { name: 'Ada', color };
      assert.equal(shown(user), user);
    }
  });

  test('a name in any language passes; control characters, direction overrides and other types do not', () => {
    for (const name of ['Ada', 'Ünal', 'עדה\u200f', 'علی\u200cرضا', '李 小龍', '👩\u200d👩\u200d👧', 7, null]) {
      const user = { name };
      assert.equal(shown(user), user);
    }
    assert.deepEqual(shown({ name: '\u202eadA\u0000\u2066\n' }), { name: 'adA' });
    assert.deepEqual(shown({ name: `${'a'.repeat(199)}👩` }), { name: 'a'.repeat(199) });
    assert.deepEqual(shown({ name: 'x'.repeat(16_000) }), { name: 'x'.repeat(200) });
    for (const name of [{}, { toString: 1 }, ['Ada']]) assert.deepEqual(shown({ name }), {});
  });

  test('a name and color at the top level, as in Lexical, are checked too', () => {
    const state = { focusing: true, anchorPos: null, focusPos: null };
    assert.deepEqual(drawable({ ...state, name: { toString: 1 }, color: 'red;left:0' }), state);
    assert.deepEqual(drawable({ ...state, name: '\u202eadA', color: 'red' }), { ...state, name: 'adA', color: 'red' });
  });
});

function somePosition(random: Random): unknown {
  const oneOf = (...values: unknown[]): unknown => values[random.below(values.length)];
  const id = (): unknown => ({
    client: oneOf(1, 1, 1, 1, 2, 2, 2, 2, 3, 0, -1, '1'),
    clock: random.below(4) > 0 ? random.below(30) : oneOf(1e9, -1, 0.5, null),
  });
  return {
    type: oneOf(null, null, null, undefined, id(), id(), 'x'),
    tname: oneOf(null, null, undefined, 'default', 'meta', 'other', 7, 'x'.repeat(300)),
    item: oneOf(null, id(), id(), id(), undefined, 3),
    assoc: random.below(4) > 0 ? oneOf(0, -1, 1, undefined, null) : oneOf('x', {}),
  };
}
