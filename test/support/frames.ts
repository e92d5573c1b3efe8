/** The frames of the y-websocket protocol as values, for clients that have no Y.Doc. */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

export interface AwarenessEntry {
  readonly client: number;
  readonly clock: number;
  /** The state as JSON text; `null` for a state that was removed. */
  readonly state: string | null;
}

export type Frame =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  | { readonly type: 'sync-step-2'; readonly update: Uint8Array }
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly entries: readonly AwarenessEntry[] }
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'query-awareness' }
  | { readonly type: 'probe'; readonly payload: Uint8Array };

export type FrameType = Frame['type'];
export type FrameOf<T extends FrameType> = Extract<Frame, { readonly type: T }>;

/** An empty update and an empty state vector. */
export const emptyUpdate: Uint8Array = Uint8Array.of(0, 0);
export const emptyStateVector: Uint8Array = Uint8Array.of(0);

const syncTypes = ['sync-step-1', 'sync-step-2', 'update'] as const;
const probeType = 102;

export function encodeFrame(frame: Frame): Uint8Array {
  const encoder = encoding.createEncoder();
  switch (frame.type) {
    case 'sync-step-1':
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarUint8Array(encoder, frame.stateVector);
      break;
    case 'sync-step-2':
    case 'update':
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarUint(encoder, syncTypes.indexOf(frame.type));
      encoding.writeVarUint8Array(encoder, frame.update);
      break;
    case 'awareness':
      encoding.writeVarUint(encoder, 1);
      encoding.writeVarUint8Array(encoder, encodeEntries(frame.entries));
      break;
    case 'denied':
      encoding.writeVarUint(encoder, 2);
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarString(encoder, frame.reason);
      break;
    case 'query-awareness':
      encoding.writeVarUint(encoder, 3);
      break;
    case 'probe':
      encoding.writeVarUint(encoder, probeType);
      encoding.writeVarUint8Array(encoder, frame.payload);
      break;
  }
  return encoding.toUint8Array(encoder);
}

/**
 * Reads one frame. Byte fields are views into `data`. Throws if the frame is not of the protocol or has trailing bytes.
 */
export function decodeFrame(data: Uint8Array): Frame {
  const decoder = decoding.createDecoder(data);
  const frame = readFrame(decoder);
  if (decoding.hasContent(decoder)) throw new Error(`Bytes after the end of a frame: ${frame.type}`);
  return frame;
}

function readFrame(decoder: decoding.Decoder): Frame {
  const type = decoding.readVarUint(decoder);
  switch (type) {
    case 0: {
      const sync = syncTypes[decoding.readVarUint(decoder)];
      if (sync === undefined) throw new Error('Unknown sync message');
      const bytes = decoding.readVarUint8Array(decoder);
      return sync === 'sync-step-1' ? { type: sync, stateVector: bytes } : { type: sync, update: bytes };
    }
    case 1:
      return { type: 'awareness', entries: readEntries(decoding.readVarUint8Array(decoder)) };
    case 2:
      if (decoding.readVarUint(decoder) !== 0) throw new Error('Unknown auth message');
      return { type: 'denied', reason: decoding.readVarString(decoder) };
    case 3:
      return { type: 'query-awareness' };
    case probeType:
      return { type: 'probe', payload: decoding.readVarUint8Array(decoder) };
    default:
      throw new Error(`Unknown frame type ${type}`);
  }
}

/** An awareness update, without the frame around it. */
export function encodeEntries(entries: readonly AwarenessEntry[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, entries.length);
  for (const { client, clock, state } of entries) {
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock);
    encoding.writeVarString(encoder, state ?? 'null');
  }
  return encoding.toUint8Array(encoder);
}

/** Reads an awareness update. */
export function readEntries(bytes: Uint8Array): AwarenessEntry[] {
  const decoder = decoding.createDecoder(bytes);
  return Array.from({ length: decoding.readVarUint(decoder) }, () => {
    const client = decoding.readVarUint(decoder);
    const clock = decoding.readVarUint(decoder);
    const state = decoding.readVarString(decoder);
    return { client, clock, state: state === 'null' ? null : state };
  });
}
