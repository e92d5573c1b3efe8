import { isUtf8 } from 'node:buffer';
import { RefusedError } from '../../errors.ts';
import { fixedLimits, limitReached } from '../../limits/limits.ts';

const MAX_STATE_BYTES = fixedLimits['presence-size'].max;
const MAX_STATE_DEPTH = fixedLimits['presence-depth'].max;

/**
 * Reads a state that is to be shown to others: whatever passes, stock clients can read, compare and send on. One that they
 * cannot read costs them the whole message, with everybody in it. Throws RefusedError ('malformed').
 */
export function parsePresenceState(json: Buffer): unknown {
  if (json.length > MAX_STATE_BYTES) throw limitReached('presence-size');
  if (deepestBracket(json) > MAX_STATE_DEPTH) throw limitReached('presence-depth');
  const state = isUtf8(json) ? parse(json.toString()) : undefined;
  // Null in other words than everybody writes it would be here for us, and gone for everybody else.
  if (state === undefined || state === null) throw new RefusedError('malformed', 'a presence state is not JSON');
  return state;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The caller says so, in words for the client.
    return undefined;
  }
}

/** How deep brackets nest outside of strings. */
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
