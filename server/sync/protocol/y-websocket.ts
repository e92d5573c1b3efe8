import { RefusedError } from '../../errors.ts';
import type { ClientMessage, Codec } from './codec.ts';
import { binaryFrame } from './frame.ts';
import { encodeVarUint, MessageReader } from './wire.ts';

/** The message types of y-websocket, and 102, the probe of y-sweet's clients (docs/protocol.md). */
const syncMessage = 0;
const presenceMessage = 1;
const authMessage = 2;
const queryPresenceMessage = 3;
const probeMessage = 102;

const step1 = 0;
const step2 = 1;
const syncUpdate = 2;

const permissionDenied = 0;

/** The dialect of y-websocket 1.x to 3.x. A frame holds one message: a type, and a payload. */
export const yWebsocketCodec: Codec = {
  decode(data) {
    const reader = new MessageReader(data);
    const message = readMessage(reader);
    reader.end();
    return message;
  },
  syncStep1: (stateVector) => binaryFrame(prefix(syncMessage, step1, stateVector.length), stateVector),
  syncStep2: (update) => binaryFrame(prefix(syncMessage, step2, update.length), update),
  update: (update) => binaryFrame(prefix(syncMessage, syncUpdate, update.length), update),
  presence: (states) => binaryFrame(prefix(presenceMessage, null, states.length), states),
  saved: (payload) => binaryFrame(prefix(probeMessage, null, payload.length), payload),
  denied(reason) {
    const text = Buffer.from(reason);
    return binaryFrame(prefix(authMessage, permissionDenied, text.length), text);
  },
};

function readMessage(reader: MessageReader): ClientMessage {
  const type = reader.varUint();
  switch (type) {
    case syncMessage:
      return readSync(reader);
    case presenceMessage:
      return { type: 'presence', states: reader.bytes() };
    case queryPresenceMessage:
      return { type: 'query-presence' };
    case probeMessage:
      return { type: 'probe', payload: reader.bytes() };
    default:
      throw new RefusedError('malformed', `unknown message type ${type}`);
  }
}

function readSync(reader: MessageReader): ClientMessage {
  const type = reader.varUint();
  switch (type) {
    case step1:
      return { type: 'sync-step-1', stateVector: reader.bytes() };
    case step2:
      return { type: 'update', update: reader.bytes(), answer: true };
    case syncUpdate:
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
