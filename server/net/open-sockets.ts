import type { Socket } from 'node:net';

/** Counts the sockets of all listeners together, and knows how many there may be. */
export class OpenSockets {
  readonly #max: number;
  #count = 0;

  /** Infinity for as many as come. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there is room for one more; it then counts until it closes. */
  admits(socket: Socket): boolean {
    if (this.#count >= this.#max) return false;
    this.#count++;
    // Not `once`: it happens once, and what `once` makes for it takes 150 bytes a socket.
    socket.on('close', this.#leave);
    return true;
  }

  readonly #leave = (): void => {
    this.#count--;
  };
}
