import type { PresenceOwner } from './presence-state.ts';

/** A room of 200 users answers a nudge with 200 announcements to 200 users. It is not nudged more often than this. */
const nudgeMs = 200;

/** A session that can be nudged. */
export interface NudgedPeer extends PresenceOwner {
  /** Sends presence to this session only. */
  deliverPresence(states: Uint8Array): void;
}

/** A room as the nudger sees it. */
export interface NudgedRoom {
  readonly peers: Iterable<NudgedPeer>;
  /** Makes the client of a peer announce its presence again. */
  nudge(peer: NudgedPeer): void;
}

/** The peers of one room that are nudged when the timer fires. */
interface Due {
  /** A client has joined: all peers that were not nudged since then are due. */
  all: boolean;
  readonly nudged: Set<PresenceOwner>;
  /** The owners of states that another client has lost sight of. */
  readonly lostSight: Set<PresenceOwner>;
}

/**
 * Makes all clients of a room visible to each other after a join. A client that reconnects announces itself with a
 * clock that the others have seen already, and it has seen theirs. Neither side would show the other until the next
 * renewal, up to 15 s later. A client without presence announces nothing, but it has seen the clocks of the others too.
 * A nudge makes a client raise its clock. All rooms share one timer, which runs only when a nudge is due.
 */
export class Nudger {
  #due = new Map<NudgedRoom, Due>();

  /** A client has joined: every peer is nudged a little later, once for all clients that join until then. */
  joined(room: NudgedRoom): void {
    const due = this.#dueOf(room);
    due.all = true;
    // The new client may have seen what these peers announced since they were nudged.
    due.nudged.clear();
  }

  /** A new client has announced itself: it is nudged at once, and every other peer as after a join. */
  announced(room: NudgedRoom, newcomer: NudgedPeer): void {
    room.nudge(newcomer);
    const due = this.#dueOf(room);
    due.all = true;
    due.nudged.add(newcomer);
  }

  /** Other clients of the room have dropped the states of these owners, which are still present. */
  lostSight(room: NudgedRoom, owners: ReadonlySet<PresenceOwner>): void {
    const due = this.#dueOf(room);
    for (const owner of owners) due.lostSight.add(owner);
  }

  #dueOf(room: NudgedRoom): Due {
    if (this.#due.size === 0) setTimeout(this.#nudgeDue, nudgeMs).unref();
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
