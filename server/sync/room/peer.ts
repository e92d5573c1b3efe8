import type { RefusedError } from '../../errors.ts';
import type { Broadcast } from './broadcast.ts';
import type { Grant } from '../grant.ts';
import type { PresenceOwner } from '../presence/presence-state.ts';

/** A session as its room sees it. No method throws. */
export interface Peer extends PresenceOwner {
  /** Null once it has ended. */
  readonly grant: Grant | null;
  /** Replaces the grant by one for the same user and access that ends later. */
  renew(grant: Grant): void;
  deliver(broadcast: Broadcast): void;
  /** Sends presence to this peer alone, as a nudge. */
  deliverPresence(states: Uint8Array): void;
  /** More edits are durable. Called once after each `Room.awaitCommit`. */
  committed(): void;
  /** Called about once a second with the time of `RoomsDeps.now`. */
  sweep(nowMs: number): void;
  /** Ends the session, and sends the refusal to its client. */
  end(refusal: RefusedError): void;
}
