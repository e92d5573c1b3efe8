import type { WebsocketProvider } from 'y-websocket';

export interface SavedState {
  /** All that is in the document is on the server's disk. Stays true without a connection while nothing is edited. */
  readonly saved: boolean;
  /** Since when something is not, in milliseconds since 1970; null while all is saved. */
  readonly pendingSinceMs: number | null;
  /** Updates of the document since tracking began that did not come from the server: a keystroke is one. */
  readonly edits: number;
  /** How many of them are known to be saved. */
  readonly savedEdits: number;
  /** From the last question "is it saved?" to its answer, disk included; null before the first answer. */
  readonly roundTripMs: number | null;
}

export interface SavedTracker {
  readonly state: SavedState;
  /** Calls back after every change of `state`. Returns a function that ends the calls. */
  subscribe(listener: (state: SavedState) => void): () => void;
  /** Ends tracking; call it before the provider is destroyed. `state` stays as it is. */
  stop(): void;
}

/** Message types of the protocol: see docs/protocol.md. */
const sync = 0;
const update = 2;
const probe = 102;
/** `WebSocket.OPEN`, which is not there in every environment. */
const open = 1;

/**
 * Tells whether a document is on the server's disk, by the saved probe (message 102): the server returns it once
 * everything is durable that this client sent before. One probe is under way at a time; if edits were made meanwhile,
 * the next follows its answer. A lost connection loses the probe, so all counts as pending from each connect until the
 * first answer.
 *
 * It never says saved for what is not. Hence edits from other tabs of the browser (BroadcastChannel) are sent on to the
 * server, which drops them if it has them: the tab that made them may have no connection. After the server has refused
 * an edit (one of a reader), the state stays pending.
 *
 * One tracker per provider; throws if there is one. A server that does not know the probe never answers: pending.
 */
export function trackSaved(provider: WebsocketProvider): SavedTracker {
  const { doc, messageHandlers } = provider;
  if (messageHandlers[probe]) throw new Error('trackSaved: this provider is tracked already');
  const readSync = messageHandlers[sync]!;
  const listeners = new Set<(state: SavedState) => void>();
  // What the document held before tracking began is not known to be saved either.
  let state: SavedState = { saved: false, pendingSinceMs: Date.now(), edits: 0, savedEdits: 0, roundTripMs: null };
  let asked: { readonly atMs: number; readonly edits: number } | null = null;
  /** When the first edit was made that the probe under way does not cover. */
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

  // The provider is the origin of what comes from other tabs, too; only the reader of messages can tell.
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

/** A message of two types and the length of what follows as a varUint. */
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
