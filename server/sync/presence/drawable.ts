/**
 * Keeps presence states from breaking editors. The bindings of Yjs draw the carets of other users from fields of their
 * awareness states, and do not check these fields. An unreadable position makes y-prosemirror, y-tiptap, BlockNote and
 * Lexical throw in the middle of a remote edit. The edit then never reaches the view, and the next local edit
 * overwrites it with the stale view.
 */

/** Longer names would cover the text beside a caret. */
const maxNameLength = 200;
/**
 * Length of a root type's name. Yjs creates each type that a position names, so long names could fill a client's
 * memory.
 */
const maxRootNameLength = 255;

/** Control characters, and the marks that change the direction of the text after them. */
const unsafeInName = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Colors that are safe in a style attribute, where bindings put them: they cannot end the declaration or load a file.
 */
const safeColor =
  /^(#[\da-f]{3,8}|[a-z]{3,30}|((rgb|hsl)a?|hwb|(ok)?(lab|lch)|color(-mix)?|var)\([\w#%.,\s/+-]{1,80}\))$/i;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The state without the fields that make a stock binding fail; the same object if there are none. Fields that no
 * binding reads are never changed.
 */
export function drawable(state: unknown): unknown {
  // Bindings read no fields of a string, a number or an array.
  if (!isObject(state)) return state;
  let shown = changed(state, { user: person(state['user']) });
  if (isSet(shown['cursor'])) shown = changed(shown, { cursor: caret(shown['cursor'], shown['user']) });
  if (hasPair(shown['selection'])) shown = changed(shown, { selection: pair(shown['selection']) });
  return 'focusing' in shown ? lexical(shown) : shown;
}

/**
 * The field `cursor`, for y-prosemirror, y-tiptap, BlockNote, y-codemirror.next and y-quill. The first three assign a
 * default color to `user`, so it must not be a primitive value.
 */
function caret(cursor: unknown, user: unknown): unknown {
  const canBeNamed = !user || typeof user === 'object';
  return canBeNamed && hasPair(cursor) ? pair(cursor) : undefined;
}

/** The fields of Lexical, which keeps positions, name and color at the top level. */
function lexical(state: Fields): Fields {
  const anchorPos = state['anchorPos'] ? position(state['anchorPos']) : state['anchorPos'];
  const focusPos = state['focusPos'] ? position(state['focusPos']) : state['focusPos'];
  return changed(state, { anchorPos, focusPos, ...labels(state) });
}

function person(user: unknown): unknown {
  return isObject(user) ? changed(user, labels(user)) : user;
}

/** The name and colors, cleaned for display. */
function labels({ name, color, colorLight }: Fields): Fields {
  return {
    name: typeof name === 'string' ? shortened(name) : typeof name === 'number' || name === null ? name : undefined,
    color: colorOf(color),
    colorLight: colorOf(colorLight),
  };
}

function shortened(name: string): string {
  const safe = name.replace(unsafeInName, '');
  // Do not keep half of a surrogate pair.
  return safe.length <= maxNameLength ? safe : safe.slice(0, maxNameLength).replace(/[\ud800-\udbff]$/, '');
}

function colorOf(value: unknown): unknown {
  return value === null || (typeof value === 'string' && safeColor.test(value)) ? value : undefined;
}

function hasPair(value: unknown): value is Fields {
  return isObject(value) && isSet(value['anchor']) && isSet(value['head']);
}

function pair(value: Fields): Fields | undefined {
  const [anchor, head] = [position(value['anchor']), position(value['head'])];
  if (anchor === undefined || head === undefined) return undefined;
  return anchor === value['anchor'] && head === value['head'] ? value : { ...value, anchor, head };
}

/**
 * A relative position of Yjs in the long form, which all bindings can read; undefined if it is not a position.
 * `relativePositionToJSON` omits null fields, but y-codemirror.next, y-monaco and Lexical expect them.
 */
function position(value: unknown): Fields | undefined {
  if (!isObject(value)) return undefined;
  const { type = null, tname = null, item = null } = value;
  const assoc = value['assoc'] ?? 0;
  const isReadable =
    (type !== null || tname !== null || item !== null) &&
    (type === null || isId(type)) &&
    (tname === null || (typeof tname === 'string' && tname.length <= maxRootNameLength)) &&
    (item === null || isId(item)) &&
    Number.isSafeInteger(assoc);
  if (!isReadable) return undefined;
  const isLong =
    value['type'] === type && value['tname'] === tname && value['item'] === item && value['assoc'] === assoc;
  return isLong ? value : { type, tname, item, assoc };
}

function isId(value: unknown): boolean {
  return isObject(value) && isCount(value['client']) && isCount(value['clock']);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A copy with these changes, where undefined removes a field; the same object if nothing changes. */
function changed(fields: Fields, changes: Fields): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const name of Object.keys(changes)) {
    const value = changes[name];
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
