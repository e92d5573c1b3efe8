import type { RefusedError } from '../errors.ts';
import type { Broadcast } from './room/broadcast.ts';
import type { Grant } from './grant.ts';
import type { PresenceOwner } from './presence/presence-state.ts';

/** A room's view of a session. None of these may throw. */
export interface Peer extends PresenceOwner {
  /** Null once it has ended. */
  readonly grant: Grant | null;
  /** The same person may do the same, for longer. */
  renew(grant: Grant): void;
  deliver(broadcast: Broadcast): void;
  /** Presence for this peer alone: a nudge. */
  deliverPresence(states: Uint8Array): void;
  /** More is durable. Called only while the peer is among those that wait (`Room.awaitCommit`). */
  committed(): void;
  /** Called about once a second with the time of `RoomsDeps.now`. */
  sweep(nowMs: number): void;
  /** The room ends: the session is told why and closed. */
  end(refusal: RefusedError): void;
}
