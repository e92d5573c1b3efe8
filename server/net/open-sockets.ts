import type { Socket } from 'node:net';

/** Counts the open sockets of all listeners, up to a maximum. */
export class OpenSockets {
  readonly #max: number;
  #count = 0;

  /** Infinity for no maximum. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether one more socket may be open. If so, it counts until it closes. */
  admits(socket: Socket): boolean {
    if (this.#count >= this.#max) return false;
    this.#count++;
    // Not `once`, whose wrapper takes 150 bytes per socket: 'close' is emitted once anyway.
    socket.on('close', this.#leave);
    return true;
  }

  readonly #leave = (): void => {
    this.#count--;
  };
}
