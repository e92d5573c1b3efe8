import type { PresenceOwner } from './presence.ts';

/**
 * A presence state with who its owner really is in place of what the client claims: `user.id` and, if the grant has
 * them, `user.name` and `user.color`, which is where editors look (y-prosemirror, y-codemirror, TipTap, BlockNote); also
 * a `name` or `color` at the top, which is where Lexical looks. What is no object shows nobody, and stays as it is.
 */
export function identified(state: unknown, { userId, person }: PresenceOwner): unknown {
  if (person === null || !isObject(state)) return state;
  const real = {
    ...(person.name === null ? {} : { name: person.name }),
    ...(person.color === null ? {} : { color: person.color }),
  };
  const claimed = Object.fromEntries(Object.entries(real).filter(([field]) => field in state));
  const user = isObject(state['user']) ? state['user'] : {};
  return { ...state, ...claimed, user: { ...user, ...real, id: userId } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
