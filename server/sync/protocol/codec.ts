/** What a client can say to a session, in no dialect. The bytes are views into the received message. */
export type ClientMessage =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  /** `answer` tells a SyncStep2, which answers a SyncStep1 of ours, from an update sent unasked. */
  | { readonly type: 'update'; readonly update: Uint8Array; readonly answer: boolean }
  | { readonly type: 'presence'; readonly states: Uint8Array }
  | { readonly type: 'query-presence' }
  | { readonly type: 'probe'; readonly payload: Uint8Array };

/**
 * One dialect's messages. Everything it encodes is a complete WebSocket frame. A codec holds no state of a session, so
 * that what one encodes serves every session with the same codec.
 */
export interface Codec {
  /** Throws RefusedError ('malformed'). */
  decode(data: Uint8Array): ClientMessage;
  syncStep1(stateVector: Uint8Array): Buffer;
  syncStep2(update: Uint8Array): Buffer;
  update(update: Uint8Array): Buffer;
  presence(states: Uint8Array): Buffer;
  /** The answer to a probe: everything before it on this session is durable. */
  saved(payload: Uint8Array): Buffer;
  denied(reason: string): Buffer;
}
