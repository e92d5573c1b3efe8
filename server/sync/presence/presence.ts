import { limitReached, RefusedError } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';
import { drawable } from './drawable.ts';
import { encodeVarUint, MessageReader } from '../protocol/wire.ts';
import { identified, parsePresenceState } from './presence-state.ts';
import type { PresenceOwner } from './presence-state.ts';

/** A state expires after this time without a message. Clients with y-protocols renew theirs after half of it. */
export const presenceTimeoutMs = 30_000;
const maxEntries = fixedLimits['presence-entries'].max;
/** A clock counts the changes of a client. A state with the clock 2^53 - 1 could never be overwritten. */
const maxClock = 2 ** 31;
/**
 * How far a clock may be above the highest one so far, even beyond maxClock. Another session may have raised a
 * client's clock to the limit by speaking in its name. The client must be able to continue from there.
 */
const maxClockStep = 2 ** 16;
/** Memory of a state without its text. */
const stateBytes = 200;
/** How many clocks of departed clients are kept. A page with a fixed client id returns after a reload. */
const maxPastClocks = 1_000;
const pastClockBytes = 50;
/**
 * The shortest interval at which a client is asked to announce itself because another client has lost sight of it.
 * States expire after 30 s without a message, so an honest client has no reason to lose sight of another twice in that
 * time.
 */
const lostSightAfterMs = 10_000;
const nullState = Buffer.from('null');

interface State {
  /** The highest clock that other clients may have seen. */
  clock: number;
  /** The last clock that the owner itself used. It is lower if the client has restarted its count after a reload. */
  ownClock: number;
  /** The state as JSON text; null if it was removed and the other clients have not been told yet. */
  json: Uint8Array | null;
  /** The state as its owner sent it. */
  ownJson: Uint8Array;
  owner: PresenceOwner;
  renewedMs: number;
  /** When the owner was last asked to announce itself because another client had lost sight of it. */
  lostSightMs: number;
}

/**
 * The awareness states of one room, which are never stored. A state belongs to one session: the first one to send a
 * message with only that client id. Another session of the same user takes the state over with its first message (a
 * reconnect while the old socket still seems alive), or with a newer clock (a client whose state a sibling tab had
 * sent). Any other message about the state of another session is an echo, and is dropped.
 */
export class Presence {
  readonly #states = new Map<number, State>();
  readonly #dirty = new Set<number>();
  #changes = 0;
  #trimmed = 0;
  /** Kept when the owner of the state leaves, because the client may return with this clock. */
  #highestClock = 0;
  /** Every session that has sent presence, with the client id that it owns; null if it owns none. */
  readonly #ownIds = new Map<PresenceOwner, number | null>();
  /** The last clocks of removed client ids, the latest last. Clients remember these clocks and ignore older ones. */
  readonly #pastClocks = new Map<number, number>();
  #lostSight: Set<PresenceOwner> | null = null;

  get size(): number {
    return this.#states.size;
  }

  /** Whether any client is present. */
  get hasPresent(): boolean {
    for (const { json } of this.#states.values()) if (json !== null) return true;
    return false;
  }

  /** How often a state was set or removed. Echoes do not count. */
  get changes(): number {
    return this.#changes;
  }

  /** How often a state was set without some of its fields, because these would break editors. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** Approximate memory use. */
  get bytes(): number {
    let bytes = this.#pastClocks.size * pastClockBytes;
    for (const { json, ownJson } of this.#states.values()) {
      bytes += stateBytes + ownJson.length + (json === null || json === ownJson ? 0 : json.length);
    }
    return bytes;
  }

  get dirty(): boolean {
    return this.#dirty.size > 0;
  }

  /**
   * Applies a session's awareness update. Returns true if it is the first message of the session and announces its
   * state: other clients may have seen its clock already, so the session must be nudged (see `nudge`). Throws
   * RefusedError ('malformed').
   */
  apply(owner: PresenceOwner, message: Uint8Array, nowMs: number): boolean {
    const reader = new MessageReader(message);
    const count = reader.varUint();
    if (count > maxEntries) throw limitReached('presence-entries');
    const isFirstMessage = !this.#ownIds.has(owner);
    if (isFirstMessage) this.#ownIds.set(owner, null);
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
      } else if (count === 1 && this.#ownIds.get(owner) === null && mayClaim(known, owner, clock, isFirstMessage)) {
        announced = this.#announce(owner, clientId, clock, json, nowMs);
      }
    }
    reader.end();
    return announced && isFirstMessage;
  }

  /** A client has dropped a state that is still present, because its own time jumped ahead, as after a sleep. */
  #loseSight(state: State, nowMs: number): void {
    if (nowMs - state.lostSightMs < lostSightAfterMs) return;
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
    // A new session with an older clock is still the same client. The nudge makes it raise its clock.
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
   * The state as JSON text for the other clients: with the verified identity of its owner, if there is one, and without
   * fields that break editors. The same bytes if nothing changes. Throws RefusedError ('malformed').
   */
  #read(json: Buffer, owner: PresenceOwner): Uint8Array {
    const state = parsePresenceState(json);
    const named = identified(state, owner);
    const shown = drawable(named);
    if (shown !== named) this.#trimmed++;
    return shown === state ? json : Buffer.from(JSON.stringify(shown));
  }

  #checkClock(clock: number): void {
    const limit = Math.max(maxClock, this.#highestClock + maxClockStep);
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

  /** A session has ended. Removes its state. */
  release(owner: PresenceOwner): void {
    const clientId = this.#ownIds.get(owner) ?? null;
    const state = clientId === null ? undefined : this.#states.get(clientId);
    if (clientId !== null && state !== undefined) this.#remove(clientId, state, state.clock);
    this.#ownIds.delete(owner);
  }

  /** Removes the states that were not renewed in time. */
  expire(nowMs: number): void {
    for (const [clientId, state] of this.#states) {
      if (state.json !== null && nowMs - state.renewedMs >= presenceTimeoutMs)
        this.#remove(clientId, state, state.clock);
    }
  }

  /** The changes since the last call as an awareness update; null if there are none. */
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
    if (this.#pastClocks.size <= maxPastClocks) return;
    const [oldest] = this.#pastClocks.keys();
    this.#pastClocks.delete(oldest!);
  }

  /**
   * An awareness update with all present states. It also removes those of the client ids in `gone`, each with its last
   * clock, that are not present. Null if there is neither.
   */
  encodeAll(gone: ReadonlyMap<number, number> = new Map()): Uint8Array | null {
    const clientIds: number[] = [];
    for (const [clientId, state] of this.#states) if (state.json !== null) clientIds.push(clientId);
    for (const clientId of gone.keys())
      if ((this.#states.get(clientId)?.json ?? null) === null) clientIds.push(clientId);
    return clientIds.length === 0 ? null : this.#encode(clientIds, gone);
  }

  /**
   * An awareness update that makes the session's client announce its state again with a higher clock. Other clients
   * ignore a state whose clock they know already. Null if the session has no state.
   *
   * The update is the client's own state with the next clock. A stock client applies it, which changes nothing, and
   * sends it back. A client that has changed its state meanwhile has used that clock itself, and ignores the update. A
   * client that has restarted its count may have used any clock up to the known one for newer states, so the update
   * says that its state is removed: the client keeps the state and continues from that clock, but emits a `change`
   * event that it left.
   */
  nudge(owner: PresenceOwner): Uint8Array | null {
    const clientId = this.#ownIds.get(owner) ?? null;
    const state = clientId === null ? undefined : this.#states.get(clientId);
    if (clientId === null || state === undefined) return null;
    const inStep = state.ownClock === state.clock;
    return encodeEntry(clientId, inStep ? state.clock + 1 : state.clock, inStep ? state.ownJson : nullState);
  }

  /** `gone` has the clocks of client ids without a state. */
  #encode(clientIds: readonly number[], gone?: ReadonlyMap<number, number>): Uint8Array {
    const chunks: Uint8Array[] = [];
    let head: number[] = [];
    encodeVarUint(head, clientIds.length);
    for (const clientId of clientIds) {
      const state = this.#states.get(clientId);
      const json = state?.json ?? nullState;
      encodeVarUint(head, clientId);
      encodeVarUint(head, state?.clock ?? gone?.get(clientId) ?? 0);
      encodeVarUint(head, json.length);
      chunks.push(Uint8Array.from(head), json);
      head = [];
    }
    return Buffer.concat(chunks);
  }
}

/** The client ids that an awareness update removes, with their clocks. */
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

/** An awareness update with one entry. */
function encodeEntry(clientId: number, clock: number, json: Uint8Array): Uint8Array {
  const head = [1];
  encodeVarUint(head, clientId);
  encodeVarUint(head, clock);
  encodeVarUint(head, json.length);
  return Buffer.concat([Uint8Array.from(head), json]);
}

function mayClaim(known: State | undefined, owner: PresenceOwner, clock: number, isFirstMessage: boolean): boolean {
  if (known === undefined || known.json === null) return true;
  return known.owner.userId === owner.userId && (isFirstMessage || clock > known.clock);
}

function isNull(json: Uint8Array): boolean {
  return json.length === 4 && nullState.equals(json);
}
