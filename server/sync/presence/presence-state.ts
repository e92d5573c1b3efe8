import { isUtf8 } from 'node:buffer';
import { limitReached, RefusedError } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';
import type { Person } from '../grant.ts';

const maxStateBytes = fixedLimits['presence-size'].max;
const maxStateDepth = fixedLimits['presence-depth'].max;

/** A session that announces presence states. */
export interface PresenceOwner {
  readonly userId: string;
  /** The verified identity; null if the client chooses its own. */
  readonly person: Person | null;
}

/**
 * Reads a presence state that other clients will see. Accepts only states that stock clients can read, compare and send
 * on: a client that fails to read one state loses the whole message, with the states of all users. Throws RefusedError
 * ('malformed').
 */
export function parsePresenceState(json: Buffer): unknown {
  if (json.length > maxStateBytes) throw limitReached('presence-size');
  if (deepestBracket(json) > maxStateDepth) throw limitReached('presence-depth');
  const state = isUtf8(json) ? parse(json.toString()) : undefined;
  // Null with spaces around it would mean a present client to the server and an absent one to all clients.
  if (state === undefined || state === null) throw new RefusedError('malformed', 'a presence state is not JSON');
  return state;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The caller throws, with a message for the client.
    return undefined;
  }
}

/** The greatest depth of nested brackets outside of strings. */
function deepestBracket(json: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === 0x22) quoted = !quoted;
    else if (quoted) i += byte === 0x5c ? 1 : 0;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

/**
 * The state with the verified identity of its owner in place of the identity that the client claims. Sets `user.id`
 * and, if the grant has them, `user.name` and `user.color`, where most editors look (y-prosemirror, y-codemirror,
 * TipTap, BlockNote). Also replaces a `name` or `color` at the top level, where Lexical looks. A state that is not an
 * object shows no user, and is returned unchanged.
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
