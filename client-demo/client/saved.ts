import type { WebsocketProvider } from 'y-websocket';

export interface SavedState {
  /** Everything in the document is on the server's disk. Stays true without a connection until the next edit. */
  readonly saved: boolean;
  /** When the oldest unsaved edit was made, in milliseconds since 1970. Null while everything is saved. */
  readonly pendingSinceMs: number | null;
  /** Updates since tracking began that did not come from the server. A keystroke is one update. */
  readonly edits: number;
  /** How many of these are known to be saved. */
  readonly savedEdits: number;
  /** From the last probe to its answer, the time of the disk included. Null before the first answer. */
  readonly roundTripMs: number | null;
}

export interface SavedTracker {
  readonly state: SavedState;
  /** Calls back after every change of `state`. Returns a function that ends the calls. */
  subscribe(listener: (state: SavedState) => void): () => void;
  /** Ends tracking. Call it before the provider is destroyed. `state` does not change any more. */
  stop(): void;
}

/** Message types of the protocol: see docs/protocol.md. */
const sync = 0;
const update = 2;
const probe = 102;
/** `WebSocket.OPEN`, which does not exist in every environment. */
const open = 1;

/**
 * Tracks whether a document is on the server's disk, with the saved probe (message 102). The server returns a probe
 * when everything that this client sent before it is durable. One probe is in flight at a time. If edits were made
 * meanwhile, the next probe follows the answer. A lost connection loses the probe, so after each connect the state is
 * pending until the first answer.
 *
 * The state never says saved for an edit that is not. So edits from other tabs of the browser (BroadcastChannel) are
 * also sent to the server, because the tab that made them may have no connection. The server drops edits that it has.
 * When the server has refused an edit (of a client that may only read), the state stays pending.
 *
 * A provider has one tracker; a second call throws. With a server that does not know the probe, the state stays
 * pending.
 */
export function trackSaved(provider: WebsocketProvider): SavedTracker {
  const { doc, messageHandlers } = provider;
  if (messageHandlers[probe]) throw new Error('trackSaved: this provider is tracked already');
  const readSync = messageHandlers[sync]!;
  const listeners = new Set<(state: SavedState) => void>();
  // Nothing is known about the content from before tracking began, so it counts as unsaved.
  let state: SavedState = { saved: false, pendingSinceMs: Date.now(), edits: 0, savedEdits: 0, roundTripMs: null };
  let asked: { readonly atMs: number; readonly edits: number } | null = null;
  /** When the first edit was made that the probe in flight does not cover. */
  let uncoveredSinceMs = 0;
  let readingFromTab = false;

  const change = (changes: Partial<SavedState>): void => {
    state = { ...state, ...changes };
    for (const listener of listeners) listener(state);
  };

  const socket = () => (provider.wsconnected && provider.ws?.readyState === open ? provider.ws : null);

  const ask = (): void => {
    const ws = socket();
    if (asked || !ws) return;
    asked = { atMs: Date.now(), edits: state.edits };
    ws.send(new Uint8Array([probe, 0]));
  };

  const onAnswer: typeof readSync = (_encoder, _decoder, _provider, overSocket) => {
    if (!asked || !overSocket) return;
    const { atMs, edits } = asked;
    asked = null;
    const saved = edits === state.edits;
    if (!saved) ask();
    change({
      saved,
      pendingSinceMs: saved ? null : uncoveredSinceMs,
      savedEdits: edits,
      roundTripMs: Date.now() - atMs,
    });
  };

  // The provider is also the origin of updates from other tabs. Only the reader of messages can tell them apart.
  const onSync: typeof readSync = (encoder, decoder, from, overSocket, type) => {
    readingFromTab = !overSocket;
    try {
      readSync(encoder, decoder, from, overSocket, type);
    } finally {
      readingFromTab = false;
    }
  };

  const onUpdate = (bytes: Uint8Array, origin: unknown): void => {
    if (origin === provider) {
      if (!readingFromTab) return;
      socket()?.send(frame(sync, update, bytes));
    }
    if (asked?.edits === state.edits) uncoveredSinceMs = Date.now();
    change({ saved: false, pendingSinceMs: state.pendingSinceMs ?? Date.now(), edits: state.edits + 1 });
    ask();
  };

  const onStatus = ({ status }: { status: string }): void => {
    if (status !== 'connected') return;
    asked = null;
    change({ saved: false, pendingSinceMs: state.pendingSinceMs ?? Date.now() });
    ask();
  };

  messageHandlers[sync] = onSync;
  messageHandlers[probe] = onAnswer;
  doc.on('update', onUpdate);
  provider.on('status', onStatus);
  if (provider.wsconnected) ask();

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      messageHandlers[sync] = readSync;
      Reflect.deleteProperty(messageHandlers, probe);
      doc.off('update', onUpdate);
      provider.off('status', onStatus);
      listeners.clear();
    },
  };
}

/** A message: two types, the length of the bytes as a varUint, and the bytes. */
function frame(type: number, subtype: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = [type, subtype];
  let length = bytes.length;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) | 128);
  head.push(length);
  const message = new Uint8Array(head.length + bytes.length);
  message.set(head);
  message.set(bytes, head.length);
  return message;
}
