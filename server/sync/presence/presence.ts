import { RefusedError } from '../../errors.ts';
import { fixedLimits, limitReached } from '../../limits/limits.ts';
import { drawable } from './drawable.ts';
import type { Person } from '../grant.ts';
import { identified } from './identified.ts';
import { MessageReader } from '../protocol/message-reader.ts';
import { parsePresenceState } from './presence-state.ts';
import { encodeVarUint } from '../protocol/var-uint.ts';

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
/** Clocks of so many clients that have left are kept, 50 bytes each. A fixed client id comes back within a reload. */
const MAX_PAST_CLOCKS = 1_000;
const PAST_CLOCK_BYTES = 50;
/**
 * How often a client announces itself again because another one has lost sight of it. States expire after 30 s without
 * news, so an honest client has no reason to lose sight of another twice within that time.
 */
const LOST_SIGHT_MS = 10_000;
const NULL_STATE = Buffer.from('null');

/** Whoever announces states: a session. */
export interface PresenceOwner {
  readonly userId: string;
  /** Who this really is; null where the client is believed. */
  readonly person: Person | null;
}

interface State {
  /** The highest clock that other clients may have seen. */
  clock: number;
  /** The clock that the owner itself used last. It is lower if the client has begun to count again, after a reload. */
  ownClock: number;
  /** The state as JSON text; null once it is gone and only the others must still hear of it. */
  json: Uint8Array | null;
  /** The state as its owner sent it. */
  ownJson: Uint8Array;
  owner: PresenceOwner;
  renewedMs: number;
  /** When the owner was last asked to announce itself because another client had lost sight of it. */
  lostSightMs: number;
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
  /** Every session that has sent anything, and the client id that it owns. */
  readonly #ownIds = new Map<PresenceOwner, number | null>();
  /** The last clocks of client ids that are gone, the latest last: clients remember them, and ignore older ones. */
  readonly #pastClocks = new Map<number, number>();
  #lostSight: Set<PresenceOwner> | null = null;

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
    let bytes = this.#pastClocks.size * PAST_CLOCK_BYTES;
    for (const { json, ownJson } of this.#states.values()) {
      bytes += STATE_BYTES + ownJson.length + (json === null || json === ownJson ? 0 : json.length);
    }
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
      } else if (known !== undefined && known.json !== null && clock === known.clock && isNull(json)) {
        this.#loseSight(known, nowMs);
      } else if (count === 1 && this.#ownIds.get(owner) === null && mayClaim(known, owner, clock, isFirstWord)) {
        announced = this.#announce(owner, clientId, clock, json, nowMs);
      }
    }
    reader.end();
    return announced && isFirstWord;
  }

  /** A client has dropped a state that is still here: its own clock ran ahead, as after a sleep. */
  #loseSight(state: State, nowMs: number): void {
    if (nowMs - state.lostSightMs < LOST_SIGHT_MS) return;
    state.lostSightMs = nowMs;
    (this.#lostSight ??= new Set()).add(state.owner);
  }

  /** The owners of states that other clients have lost sight of since the last call; null if there are none. */
  takeLostSight(): ReadonlySet<PresenceOwner> | null {
    const owners = this.#lostSight;
    this.#lostSight = null;
    return owners;
  }

  #announce(owner: PresenceOwner, clientId: number, clock: number, json: Uint8Array, nowMs: number): boolean {
    if (isNull(json)) return false;
    const known = this.#states.get(clientId);
    // An older clock from a new session is the same client all the same: the nudge makes it raise it.
    const lastClock = known?.clock ?? this.#pastClocks.get(clientId) ?? 0;
    this.#set(clientId, owner, Math.max(clock, lastClock), json, nowMs);
    this.#states.get(clientId)!.ownClock = clock;
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
    const ownJson = Buffer.from(json);
    const lostSightMs = this.#states.get(clientId)?.lostSightMs ?? -Infinity;
    const shown = this.#read(ownJson, owner);
    this.#states.set(clientId, {
      clock,
      ownClock: clock,
      json: shown,
      ownJson,
      owner,
      renewedMs: nowMs,
      lostSightMs,
    });
    this.#pastClocks.delete(clientId);
    this.#ownIds.set(owner, clientId);
    this.#dirty.add(clientId);
    this.#changes++;
  }

  /**
   * The state as JSON text for the other clients: with its owner's identity where that is known, and without fields that
   * break editors; the same bytes if that changes nothing. Throws RefusedError ('malformed').
   */
  #read(json: Buffer, owner: PresenceOwner): Uint8Array {
    const state = parsePresenceState(json);
    const named = identified(state, owner);
    const shown = drawable(named);
    if (shown !== named) this.#trimmed++;
    return shown === state ? json : Buffer.from(JSON.stringify(shown));
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
      const state = this.#states.get(clientId);
      if (state?.json === null) this.#forget(clientId, state.clock);
    }
    this.#dirty.clear();
    return message;
  }

  #forget(clientId: number, clock: number): void {
    this.#states.delete(clientId);
    this.#pastClocks.set(clientId, clock);
    if (this.#pastClocks.size <= MAX_PAST_CLOCKS) return;
    const [oldest] = this.#pastClocks.keys();
    this.#pastClocks.delete(oldest!);
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
   * An awareness update that makes the session's client announce its state again, with a higher clock: other clients that
   * know its clock already ignore anything else. Null if the session has no state.
   *
   * It is the client's own state with the next clock. A stock client takes it, which changes nothing, and sends it back;
   * one that has changed its state meanwhile has used that clock itself, and ignores it. A client that counts from the
   * start again may have used any of the clocks up to the known one for newer states, so it is told that its state is
   * gone: it keeps the state and goes on from there, but its `change` event says that it has left.
   */
  nudge(owner: PresenceOwner): Uint8Array | null {
    const clientId = this.#ownIds.get(owner) ?? null;
    const state = clientId === null ? undefined : this.#states.get(clientId);
    if (clientId === null || state === undefined) return null;
    const inStep = state.ownClock === state.clock;
    return encodeEntry(clientId, inStep ? state.clock + 1 : state.clock, inStep ? state.ownJson : NULL_STATE);
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

/** An awareness update of one entry. */
function encodeEntry(clientId: number, clock: number, json: Uint8Array): Uint8Array {
  const head = [1];
  encodeVarUint(head, clientId);
  encodeVarUint(head, clock);
  encodeVarUint(head, json.length);
  return Buffer.concat([Uint8Array.from(head), json]);
}

function mayClaim(known: State | undefined, owner: PresenceOwner, clock: number, isFirstWord: boolean): boolean {
  if (known === undefined || known.json === null) return true;
  return known.owner.userId === owner.userId && (isFirstWord || clock > known.clock);
}

function isNull(json: Uint8Array): boolean {
  return json.length === 4 && NULL_STATE.equals(json);
}
