import type { Peer } from './peer.ts';
import type { Room } from './room.ts';

/** A room of 200 people answers a nudge with 200 announcements to 200 people: not more often than this. */
const NUDGE_MS = 200;

/**
 * Makes everybody visible to everybody after a join. A client that reconnects announces itself with a clock that the
 * others have seen, and has itself seen theirs: neither side would show the other until the next renewal, 15 s later. One
 * that shows nothing of itself does not announce anything, but has seen their clocks just so. Whoever is nudged raises its
 * clock. One timer for all rooms, armed only after a join.
 */
export class Nudger {
  #joined = new Map<Room, Set<Peer>>();

  /** Whoever is here is nudged a little later, and once for all who come meanwhile. */
  joined(room: Room): void {
    this.#newcomers(room);
  }

  /** The newcomer is nudged at once, everybody else as if it had joined now. */
  announced(room: Room, newcomer: Peer): void {
    nudge(room, newcomer);
    this.#newcomers(room).add(newcomer);
  }

  /** Those who have been nudged since others have come. */
  #newcomers(room: Room): Set<Peer> {
    if (this.#joined.size === 0) setTimeout(this.#nudgeOthers, NUDGE_MS).unref();
    const newcomers = this.#joined.get(room) ?? new Set();
    this.#joined.set(room, newcomers);
    return newcomers;
  }

  readonly #nudgeOthers = (): void => {
    const rooms = this.#joined;
    this.#joined = new Map();
    for (const [room, newcomers] of rooms) {
      for (const peer of room.peers) if (!newcomers.has(peer)) nudge(room, peer);
    }
  };
}

function nudge(room: Room, peer: Peer): void {
  const states = room.presence.nudge(peer);
  if (states !== null) peer.deliverPresence(states);
}
