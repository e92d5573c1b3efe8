/** How a user appears to others: the field `user` of the awareness state. */
export interface Person {
  readonly name: string;
  /** `#rrggbb` */
  readonly color: string;
}

const key = 'quire/person';
/** Dark enough for white text. */
export const colors = ['#b4235a', '#8e3bb8', '#5b4bd6', '#1f68c9', '#0c7a83', '#1d7a45', '#8a6100', '#b5481b'] as const;
const names = [
  'Ada',
  'Barbara',
  'Claude',
  'Donald',
  'Edsger',
  'Frances',
  'Grace',
  'Hedy',
  'John',
  'Katherine',
  'Leslie',
  'Margaret',
  'Niklaus',
  'Radia',
  'Shafi',
  'Tony',
] as const;

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;

/** The user of this browser, shared by its tabs. The first call invents one. */
export function loadPerson(): Person {
  const person = parse(localStorage.getItem(key));
  if (person) return person;
  const invented = { name: pick(names), color: pick(colors) };
  savePerson(invented);
  return invented;
}

export function savePerson(person: Person): void {
  localStorage.setItem(key, JSON.stringify(person));
}

/** Control characters, and marks that reverse the text that follows them. */
const unsafeInName = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/**
 * Reads a user from another client, which can send anything: a color that contains other styles, or a name that
 * reverses the text of the page.
 */
export function asPerson(user: unknown): Person {
  const { name, color } = (user ?? {}) as Partial<Record<keyof Person, unknown>>;
  const shown = typeof name === 'string' ? name.replace(unsafeInName, '').trim() : '';
  return {
    // Does not end in half of a surrogate pair.
    name: shown === '' ? 'Anonymous' : shown.slice(0, 40).replace(/[\ud800-\udbff]$/, ''),
    color: typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color) ? color : '#666666',
  };
}

function parse(text: string | null): Person | null {
  if (text === null) return null;
  try {
    return asPerson(JSON.parse(text));
  } catch {
    return null;
  }
}
