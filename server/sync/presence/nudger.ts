import type { Peer } from '../peer.ts';
import type { PresenceOwner } from './presence.ts';
import type { Room } from '../room/room.ts';

/** A room of 200 people answers a nudge with 200 announcements to 200 people: not more often than this. */
const NUDGE_MS = 200;

/** The peers of a room that are to be nudged when the time is up. */
interface Due {
  /** All peers that have not been nudged since the last join; false if nobody has joined. */
  all: boolean;
  readonly nudged: Set<Peer>;
  /** Those that another client has lost sight of. */
  readonly lostSight: Set<PresenceOwner>;
}

/**
 * Makes everybody visible to everybody after a join. A client that reconnects announces itself with a clock that the
 * others have seen, and has itself seen theirs. Neither side would show the other until the next renewal, 15 s later. A
 * client that shows nothing of itself announces nothing, but has seen the clocks of the others all the same. A client
 * that is nudged raises its clock. One timer for all rooms, armed only when there is a reason.
 */
export class Nudger {
  #due = new Map<Room, Due>();

  /** Every peer is nudged a little later, once for all that join meanwhile. */
  joined(room: Room): void {
    const due = this.#dueOf(room);
    due.all = true;
    // The newcomer may have seen what these have said since they were nudged.
    due.nudged.clear();
  }

  /** The newcomer is nudged at once, every other peer as if it had joined now. */
  announced(room: Room, newcomer: Peer): void {
    room.nudge(newcomer);
    const due = this.#dueOf(room);
    due.all = true;
    due.nudged.add(newcomer);
  }

  /** Other clients of the room have dropped the states of these peers, which are still here. */
  lostSight(room: Room, owners: ReadonlySet<PresenceOwner>): void {
    const due = this.#dueOf(room);
    for (const owner of owners) due.lostSight.add(owner);
  }

  #dueOf(room: Room): Due {
    if (this.#due.size === 0) setTimeout(this.#nudgeDue, NUDGE_MS).unref();
    const due = this.#due.get(room) ?? { all: false, nudged: new Set(), lostSight: new Set() };
    this.#due.set(room, due);
    return due;
  }

  readonly #nudgeDue = (): void => {
    const rooms = this.#due;
    this.#due = new Map();
    for (const [room, { all, nudged, lostSight }] of rooms) {
      for (const peer of room.peers) if ((all && !nudged.has(peer)) || lostSight.has(peer)) room.nudge(peer);
    }
  };
}
