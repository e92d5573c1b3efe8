import type { WebsocketProvider } from 'y-websocket';

/** Why the server refuses this client: a close code of 4400 to 4499 or 1009, and the reason in words. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** A message was larger than the server accepts. */
const messageTooLarge = 1009;

/**
 * Calls back when the server has closed the connection for a reason that a retry does not change. The provider then
 * stops. `provider.connect()` makes it try again, also from within the callback. After every other close the provider
 * reconnects, and nothing is reported here.
 *
 * 1009 means that a message was too large. The provider alone would reconnect and send the same message again, without
 * end. Reduce the document's unsaved edits (undo what was pasted, for example), or let the user save them elsewhere.
 *
 * 4404 and 4409 mean that the document was deleted. The server then refuses this copy and every edit in it. Let the
 * user save what is still needed, destroy provider and `Y.Doc`, clear the copy of y-indexeddb (`clearData()`), and
 * begin with a new `Y.Doc` (after 4404 only to create the document again).
 *
 * Needs y-websocket 3.1 or newer, because earlier versions retry without end. Returns a function that ends the calls.
 */
export function onRefused(provider: WebsocketProvider, callback: (refusal: Refusal) => void): () => void {
  const closed = ({ code, reason }: Refusal): void => callback({ code, reason });
  const lost = (event: Refusal | null): void => {
    if (event?.code !== messageTooLarge) return;
    provider.shouldConnect = false;
    closed(event);
  };
  provider.on('closed', closed);
  provider.on('connection-close', lost);
  return () => {
    provider.off('closed', closed);
    provider.off('connection-close', lost);
  };
}
