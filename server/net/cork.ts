import type { Duplex } from 'node:stream';

/**
 * Holds what is written to a socket back until the promises of this turn have settled, and writes it in one go: a write is
 * what costs most. May be nested.
 */
export function corkUntilSettled(socket: Duplex): void {
  socket.cork();
  // Promises settle before the next tick only if it is asked for among them.
  queueMicrotask(() => process.nextTick(uncork, socket));
}

function uncork(socket: Duplex): void {
  socket.uncork();
}
