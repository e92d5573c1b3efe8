/** A message of a client, independent of its dialect. Byte strings are views of the received message. */
export type ClientMessage =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  /** `answer` is true for a SyncStep2, which answers the server's SyncStep1. */
  | { readonly type: 'update'; readonly update: Uint8Array; readonly answer: boolean }
  | { readonly type: 'presence'; readonly states: Uint8Array }
  | { readonly type: 'query-presence' }
  | { readonly type: 'probe'; readonly payload: Uint8Array };

/**
 * The messages of one dialect. Each method that encodes returns a complete WebSocket frame. A codec has no state of a
 * session, so sessions with the same codec share its frames.
 *
 * A further dialect is a file of this folder that exports a codec. `Collaboration.accept` chooses the codec of a
 * client.
 */
export interface Codec {
  /** Throws RefusedError ('malformed'). */
  decode(data: Uint8Array): ClientMessage;
  /** Asks the client for the updates that this state vector lacks. */
  syncStep1(stateVector: Uint8Array): Buffer;
  /** Ends the answer to a SyncStep1 of the client. */
  syncStep2(update: Uint8Array): Buffer;
  update(update: Uint8Array): Buffer;
  presence(states: Uint8Array): Buffer;
  /** Answers a probe: all edits before it on this session are durable. */
  saved(payload: Uint8Array): Buffer;
  /** Tells the client that its edit was refused. */
  denied(reason: string): Buffer;
}
