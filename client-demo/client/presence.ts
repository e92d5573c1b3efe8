import type { Awareness } from 'y-protocols/awareness';

type Fields = Readonly<Record<string, unknown>>;

/** Marks that reverse the text that follows them, and control characters. */
const unsafe = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
/** Bindings put colors into style attributes, so nothing that ends a declaration or loads a file is allowed. */
const colors =
  /^(#[\da-f]{3,8}|[a-z]{3,30}|((rgb|hsl)a?|hwb|(ok)?(lab|lch)|color(-mix)?|var)\([\w#%.,\s/+-]{1,80}\))$/i;

/**
 * Keeps the presence of other clients from breaking the editor of this page. Call it right after the provider is made,
 * before an editor is bound to it.
 *
 * Bindings draw carets from the awareness states of other clients without checking them. A position that cannot be read
 * makes y-prosemirror, Tiptap and BlockNote throw in the middle of a remote edit, and the next keystroke deletes that
 * edit for all users. This function removes such positions (`cursor`, `selection`, and Lexical's), and names and colors
 * that cannot be shown, from each state as it arrives. Other fields do not change, and neither does the state of this
 * client.
 *
 * Quire does the same before it relays a state. So this protects pages that also get states from other sources (other
 * tabs, WebRTC, other servers). Returns a function that ends the protection.
 */
export function guardPresence(awareness: Awareness): () => void {
  const states = awareness.getStates();
  const guard = ({ added, updated }: Record<'added' | 'updated', readonly number[]>): void => {
    for (const client of [...added, ...updated]) {
      const state = states.get(client);
      if (client !== awareness.clientID && state) states.set(client, drawable(state) as typeof state);
    }
  };
  guard({ added: [...states.keys()], updated: [] });
  awareness.on('change', guard);
  return () => awareness.off('change', guard);
}

function drawable(state: unknown): unknown {
  if (!isObject(state)) return state;
  const { user, cursor, selection } = state;
  const changes: Record<string, unknown> = {};
  if (isObject(user)) changes['user'] = edited(user, labels(user));
  // y-prosemirror sets a default color on the user, which throws if that is a string or a number.
  if (isSet(cursor)) changes['cursor'] = !user || typeof user === 'object' ? pair(cursor) : undefined;
  if (isPair(selection)) changes['selection'] = pair(selection);
  if ('focusing' in state) {
    Object.assign(changes, labels(state));
    for (const name of ['anchorPos', 'focusPos']) if (state[name]) changes[name] = position(state[name]);
  }
  return edited(state, changes);
}

function labels({ name, color, colorLight }: Fields): Fields {
  return {
    name: typeof name === 'string' ? shortened(name) : typeof name === 'number' || name === null ? name : undefined,
    color: colorOf(color),
    colorLight: colorOf(colorLight),
  };
}

function shortened(name: string): string {
  const safe = name.replace(unsafe, '');
  return safe.length > 200 ? safe.slice(0, 200).replace(/[\ud800-\udbff]$/, '') : safe;
}

function colorOf(value: unknown): unknown {
  return value === null || (typeof value === 'string' && colors.test(value)) ? value : undefined;
}

function isPair(value: unknown): value is Fields {
  return isObject(value) && isSet(value['anchor']) && isSet(value['head']);
}

function pair(value: unknown): Fields | undefined {
  if (!isPair(value)) return undefined;
  const anchor = position(value['anchor']);
  const head = position(value['head']);
  return anchor && head && edited(value, { anchor, head });
}

/** A relative position in the long form, which all bindings can read. Undefined if the value is not a position. */
function position(value: unknown): Fields | undefined {
  if (!isObject(value)) return undefined;
  const { type = null, tname = null, item = null } = value;
  const assoc = value['assoc'] ?? 0;
  return (type ?? tname ?? item) !== null &&
    (type === null || isId(type)) &&
    (tname === null || (typeof tname === 'string' && tname.length < 256)) &&
    (item === null || isId(item)) &&
    Number.isSafeInteger(assoc)
    ? edited(value, { type, tname, item, assoc })
    : undefined;
}

function isId(value: unknown): boolean {
  return isObject(value) && isCount(value['client']) && isCount(value['clock']);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A copy with the changes, where undefined removes a field. The same object if nothing differs. */
function edited(fields: Fields, changes: Fields): Fields {
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(changes)) {
    if (fields[name] === value) continue;
    copy ??= { ...fields };
    if (value === undefined) Reflect.deleteProperty(copy, name);
    else copy[name] = value;
  }
  return copy ?? fields;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
