import type { Duplex } from 'node:stream';

/**
 * Buffers the writes to a socket until the promises of this turn have settled, and then makes one system call of them,
 * the most expensive part of a write. May be nested.
 */
export function corkUntilSettled(socket: Duplex): void {
  socket.cork();
  // A tick that is requested in a microtask runs after the other microtasks.
  queueMicrotask(() => process.nextTick(uncork, socket));
}

function uncork(socket: Duplex): void {
  socket.uncork();
}
