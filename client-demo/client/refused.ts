import type { WebsocketProvider } from 'y-websocket';

/** Why the server refuses this client: a close code of 4400 to 4499 or 1009, and the reason in words. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** A message was larger than the server takes. */
const messageTooLarge = 1009;

/**
 * Calls back when the server has closed the connection for a reason that trying again does not change. The provider stops;
 * `provider.connect()` makes it try again, also from within the callback. Every other end of a connection is followed by a
 * new one and not reported here.
 *
 * 1009 says that a message was too large. The provider alone would come back and send the same again, for ever. Reduce the
 * document's unsaved edits (undo what was pasted, say), or let the user save them elsewhere.
 *
 * 4404 and 4409 say that the document was deleted. The copy here is refused from then on, whatever is added to it: let the
 * user save what is still needed, then destroy provider and `Y.Doc`, clear what y-indexeddb keeps (`clearData()`), and
 * begin with a new `Y.Doc` (after 4404 only if the document is to be there again).
 *
 * Needs y-websocket 3.1 or newer: earlier ones retry for ever. Returns a function that ends the calls.
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
