import { RefusedError } from '../../errors.ts';
import type { ClientMessage, Codec } from './codec.ts';
import { binaryFrame } from './frame.ts';
import { encodeVarUint, MessageReader } from './wire.ts';

/** The message types of y-websocket, and 102, the probe of y-sweet's clients (docs/protocol.md). */
const SYNC = 0;
const PRESENCE = 1;
const AUTH = 2;
const QUERY_PRESENCE = 3;
const PROBE = 102;

const SYNC_STEP_1 = 0;
const SYNC_STEP_2 = 1;
const UPDATE = 2;

const PERMISSION_DENIED = 0;

/** The dialect of y-websocket 1.x to 3.x. A frame holds one message: a type, and a payload. */
export const yWebsocketCodec: Codec = {
  decode(data) {
    const reader = new MessageReader(data);
    const message = readMessage(reader);
    reader.end();
    return message;
  },
  syncStep1: (stateVector) => binaryFrame(prefix(SYNC, SYNC_STEP_1, stateVector.length), stateVector),
  syncStep2: (update) => binaryFrame(prefix(SYNC, SYNC_STEP_2, update.length), update),
  update: (update) => binaryFrame(prefix(SYNC, UPDATE, update.length), update),
  presence: (states) => binaryFrame(prefix(PRESENCE, null, states.length), states),
  saved: (payload) => binaryFrame(prefix(PROBE, null, payload.length), payload),
  denied(reason) {
    const text = Buffer.from(reason);
    return binaryFrame(prefix(AUTH, PERMISSION_DENIED, text.length), text);
  },
};

function readMessage(reader: MessageReader): ClientMessage {
  const type = reader.varUint();
  switch (type) {
    case SYNC:
      return readSync(reader);
    case PRESENCE:
      return { type: 'presence', states: reader.bytes() };
    case QUERY_PRESENCE:
      return { type: 'query-presence' };
    case PROBE:
      return { type: 'probe', payload: reader.bytes() };
    default:
      throw new RefusedError('malformed', `unknown message type ${type}`);
  }
}

function readSync(reader: MessageReader): ClientMessage {
  const type = reader.varUint();
  switch (type) {
    case SYNC_STEP_1:
      return { type: 'sync-step-1', stateVector: reader.bytes() };
    case SYNC_STEP_2:
      return { type: 'update', update: reader.bytes(), answer: true };
    case UPDATE:
      return { type: 'update', update: reader.bytes(), answer: false };
    default:
      throw new RefusedError('malformed', `unknown sync message ${type}`);
  }
}

/** Encodes the bytes before a payload: the type, the subtype if there is one, and the length of the payload. */
function prefix(type: number, subtype: number | null, length: number): Uint8Array {
  const bytes = subtype === null ? [type] : [type, subtype];
  encodeVarUint(bytes, length);
  return Uint8Array.from(bytes);
}
