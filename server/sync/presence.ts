import { RefusedError } from '../errors.ts';
import { fixedLimits, limitReached } from '../limits.ts';
import { drawable } from './drawable.ts';
import type { Person } from './grant.ts';
import { identified } from './identified.ts';
import { MessageReader } from './message-reader.ts';
import { parsePresenceState } from './presence-state.ts';
import { encodeVarUint } from './var-uint.ts';

/** States expire after this much silence; y-protocols' clients renew theirs after half of it. */
export const PRESENCE_TIMEOUT_MS = 30_000;
const MAX_ENTRIES = fixedLimits['presence-entries'].max;
/** A clock counts a client's changes one by one; 2^53 - 1 would be a ghost that nobody can overwrite. */
const MAX_CLOCK = 2 ** 31;
/**
 * How far beyond that a clock may lie above the highest one so far. Somebody else may have lifted a client up to the limit
 * by speaking in its name: it goes on from there.
 */
const MAX_CLOCK_STEP = 2 ** 16;
/** What a state takes in memory beside its text. */
const STATE_BYTES = 200;
const NULL_STATE = Buffer.from('null');

/** Whoever announces states: a session. */
export interface PresenceOwner {
  readonly userId: string;
  /** Who this really is; null where the client is believed. */
  readonly person: Person | null;
}

interface State {
  clock: number;
  /** The state as JSON text; null once it is gone and only the others must still hear of it. */
  json: Uint8Array | null;
  owner: PresenceOwner;
  renewedMs: number;
}

/**
 * The awareness states of one room, never stored. A state belongs to one session: the first that announces its client id
 * alone. Another session of the same user takes it over with the first thing it says (a reconnect while the old socket is
 * not yet known to be dead), or with a newer clock (from a sibling tab that spoke for it). Whatever else anybody says of a
 * state that is not its own is an echo, and is dropped.
 */
export class Presence {
  readonly #states = new Map<number, State>();
  readonly #dirty = new Set<number>();
  #changes = 0;
  #trimmed = 0;
  /** Kept when its owner leaves, who may come back with it. */
  #highestClock = 0;
  /** Everybody who has said anything, and the client id that it owns. */
  readonly #ownIds = new Map<PresenceOwner, number | null>();

  get size(): number {
    return this.#states.size;
  }

  /** Somebody is here. */
  get hasPresent(): boolean {
    for (const { json } of this.#states.values()) if (json !== null) return true;
    return false;
  }

  /** How often a state was set or taken away: what is echoed changes nothing. */
  get changes(): number {
    return this.#changes;
  }

  /** How many states were set without some of their fields, because these break editors. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** What the states take in memory, about. */
  get bytes(): number {
    let bytes = 0;
    for (const { json } of this.#states.values()) bytes += STATE_BYTES + (json?.length ?? 0);
    return bytes;
  }

  get dirty(): boolean {
    return this.#dirty.size > 0;
  }

  /**
   * Takes what a session says of its own state. Returns true if a session announces itself with the first thing it says:
   * it may hold a clock that the others have seen already, and must be nudged (see `nudge`). Throws RefusedError
   * ('malformed').
   */
  apply(owner: PresenceOwner, message: Uint8Array, nowMs: number): boolean {
    const reader = new MessageReader(message);
    const count = reader.varUint();
    if (count > MAX_ENTRIES) throw limitReached('presence-entries');
    const isFirstWord = !this.#ownIds.has(owner);
    if (isFirstWord) this.#ownIds.set(owner, null);
    let announced = false;
    for (let i = 0; i < count; i++) {
      const clientId = reader.varUint();
      const clock = reader.varUint();
      const json = reader.bytes();
      const known = this.#states.get(clientId);
      if (known !== undefined && known.owner === owner) {
        this.#renew(clientId, known, clock, json, nowMs);
      } else if (count === 1 && this.#ownIds.get(owner) === null && mayClaim(known, owner, clock, isFirstWord)) {
        announced = this.#announce(owner, clientId, clock, json, nowMs);
      }
    }
    reader.end();
    return announced && isFirstWord;
  }

  #announce(owner: PresenceOwner, clientId: number, clock: number, json: Uint8Array, nowMs: number): boolean {
    if (isNull(json)) return false;
    const known = this.#states.get(clientId);
    // An older clock from a new session is the same client all the same: the nudge makes it raise it.
    this.#set(clientId, owner, Math.max(clock, known?.clock ?? 0), json, nowMs);
    if (known !== undefined && this.#ownIds.get(known.owner) === clientId) this.#ownIds.set(known.owner, null);
    return true;
  }

  #renew(clientId: number, known: State, clock: number, json: Uint8Array, nowMs: number): void {
    const gone = isNull(json);
    const isNew = clock > known.clock || (clock === known.clock && gone && known.json !== null);
    if (!isNew) return;
    this.#checkClock(clock);
    if (gone) {
      this.#remove(clientId, known, clock);
    } else {
      this.#set(clientId, known.owner, clock, json, nowMs);
    }
  }

  #set(clientId: number, owner: PresenceOwner, clock: number, json: Uint8Array, nowMs: number): void {
    this.#checkClock(clock);
    this.#states.set(clientId, { clock, json: this.#read(json, owner), owner, renewedMs: nowMs });
    this.#ownIds.set(owner, clientId);
    this.#dirty.add(clientId);
    this.#changes++;
  }

  /**
   * The state as JSON text for the other clients: without fields that break editors, and with its owner's identity where
   * that is known. Always a copy. Throws RefusedError ('malformed').
   */
  #read(json: Uint8Array, owner: PresenceOwner): Uint8Array {
    const copy = Buffer.from(json);
    const state = parsePresenceState(copy);
    const shown = drawable(state);
    if (shown !== state) this.#trimmed++;
    return shown === state && owner.person === null ? copy : Buffer.from(JSON.stringify(identified(shown, owner)));
  }

  #checkClock(clock: number): void {
    const limit = Math.max(MAX_CLOCK, this.#highestClock + MAX_CLOCK_STEP);
    if (clock > limit) throw new RefusedError('malformed', 'a presence clock is too large');
    this.#highestClock = Math.max(this.#highestClock, clock);
  }

  #remove(clientId: number, state: State, clock: number): void {
    state.json = null;
    state.clock = clock;
    if (this.#ownIds.get(state.owner) === clientId) this.#ownIds.set(state.owner, null);
    this.#dirty.add(clientId);
    this.#changes++;
  }

  /** A session has ended: its state goes with it. */
  release(owner: PresenceOwner): void {
    const clientId = this.#ownIds.get(owner) ?? null;
    const state = clientId === null ? undefined : this.#states.get(clientId);
    if (clientId !== null && state !== undefined) this.#remove(clientId, state, state.clock);
    this.#ownIds.delete(owner);
  }

  /** Removes what was not renewed in time. */
  expire(nowMs: number): void {
    for (const [clientId, state] of this.#states) {
      if (state.json !== null && nowMs - state.renewedMs >= PRESENCE_TIMEOUT_MS)
        this.#remove(clientId, state, state.clock);
    }
  }

  /** What changed since the last call, as an awareness update; null if nothing did. */
  takeDirty(): Uint8Array | null {
    if (this.#dirty.size === 0) return null;
    const message = this.#encode([...this.#dirty]);
    for (const clientId of this.#dirty) {
      if (this.#states.get(clientId)?.json === null) this.#states.delete(clientId);
    }
    this.#dirty.clear();
    return message;
  }

  /**
   * Everybody who is here, as an awareness update, and which of these client ids, each with its last clock, are gone; null if
   * that is nobody.
   */
  encodeAll(gone: ReadonlyMap<number, number> = new Map()): Uint8Array | null {
    const clientIds: number[] = [];
    for (const [clientId, state] of this.#states) if (state.json !== null) clientIds.push(clientId);
    for (const clientId of gone.keys())
      if ((this.#states.get(clientId)?.json ?? null) === null) clientIds.push(clientId);
    return clientIds.length === 0 ? null : this.#encode(clientIds, gone);
  }

  /**
   * An awareness update that tells a session that its own state is gone. The stock client keeps the state, raises its
   * clock and announces itself again: the way to make others see somebody whose clock they know already.
   * Null if the session has no state.
   */
  nudge(owner: PresenceOwner): Uint8Array | null {
    const clientId = this.#ownIds.get(owner) ?? null;
    if (clientId === null) return null;
    const bytes = [1];
    encodeVarUint(bytes, clientId);
    encodeVarUint(bytes, this.#states.get(clientId)?.clock ?? 0);
    bytes.push(NULL_STATE.length, ...NULL_STATE);
    return Uint8Array.from(bytes);
  }

  /** `gone` tells the clocks of those that have been forgotten. */
  #encode(clientIds: readonly number[], gone?: ReadonlyMap<number, number>): Uint8Array {
    const chunks: Uint8Array[] = [];
    let head: number[] = [];
    encodeVarUint(head, clientIds.length);
    for (const clientId of clientIds) {
      const state = this.#states.get(clientId);
      const json = state?.json ?? NULL_STATE;
      encodeVarUint(head, clientId);
      encodeVarUint(head, state?.clock ?? gone?.get(clientId) ?? 0);
      encodeVarUint(head, json.length);
      chunks.push(Uint8Array.from(head), json);
      head = [];
    }
    return Buffer.concat(chunks);
  }
}

/** The client ids that an awareness update takes away, with their clocks. */
export function readGone(message: Uint8Array): Map<number, number> {
  const gone = new Map<number, number>();
  const reader = new MessageReader(message);
  for (let left = reader.varUint(); left > 0; left--) {
    const clientId = reader.varUint();
    const clock = reader.varUint();
    if (isNull(reader.bytes())) gone.set(clientId, clock);
  }
  return gone;
}

function mayClaim(known: State | undefined, owner: PresenceOwner, clock: number, isFirstWord: boolean): boolean {
  if (known === undefined || known.json === null) return true;
  return known.owner.userId === owner.userId && (isFirstWord || clock > known.clock);
}

function isNull(json: Uint8Array): boolean {
  return json.length === 4 && NULL_STATE.equals(json);
}
