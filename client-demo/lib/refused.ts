import type { WebsocketProvider } from 'y-websocket';

/** Why the server will not have this client: a close code of 4400 to 4499, and the reason in words. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/**
 * Calls back when the server has closed the connection for a reason that trying again does not change. The provider has
 * stopped by then; `provider.connect()` makes it try again, also from within the callback. Every other end of a
 * connection is followed by a new one and not told here.
 *
 * Needs y-websocket 3.1 or newer: earlier ones retry for ever. Returns a function that ends the calls.
 */
export function onRefused(provider: WebsocketProvider, callback: (refusal: Refusal) => void): () => void {
  const closed = ({ code, reason }: Refusal): void => callback({ code, reason });
  provider.on('closed', closed);
  return () => provider.off('closed', closed);
}
