import type { Socket } from 'node:net';
import { closeReason, limitReached, RefusedError, toRefusal } from '../errors.ts';
import type { HeldRefusals } from '../limits/held-refusals.ts';
import type { Logger } from '../logger.ts';
import { RefusalCounts } from '../limits/refusal-counts.ts';
import { drainBytes } from '../sync/connection.ts';
import type { CloseReason } from '../sync/connection.ts';
import type { Admission } from './admission.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';
import { TurnBudget } from './turn-budget.ts';
import { WsConnection } from './ws-connection.ts';
import type { OwnedWebSocket } from './owned-web-socket.ts';
import type { WsConnectionOwner } from './ws-connection.ts';

/**
 * The interval of `tick`. It is the precision of deadlines. Incomplete messages may grow by about 80 MB in one
 * interval.
 */
const tickMs = 250;
export const ticksPerSecond = 1_000 / tickMs;
/** Proxies end idle connections, some after 60 s. Two pings fit into that time. */
const pingTicks = 25 * ticksPerSecond;
/** How long a connection that was not live in time may take to answer the close frame. */
const lateTicks = 2;
/**
 * Together with the bytes in paused sockets, connections may hold this many times `partial-messages`. After a restart
 * thousands of clients behind a proxy reconnect at once, and the socket of each may hold 128 KB of edits until its
 * session is live.
 */
export const socketsFactor = 4;
/** A close after this time does not count as repeated: the client is not in a loop of quick reconnects. */
const lastingTicks = 10 * ticksPerSecond;
/** A peer that has vanished is noticed after 50 to 75 s. */
const maxSilentPings = 2;
/**
 * The time it takes to establish a session, in milliseconds. Connections that never become live are not charged with
 * it: clients that wait for a free place do that.
 */
const connectMs = 0.7;
/**
 * The share of a connection's charged work that is left after a tick. It halves every second, because old work was no
 * attack.
 */
const workKept = 0.5 ** (1 / ticksPerSecond);
/** Close codes for bad input. Missing permissions and temporary states have other codes. */
const refusedInputCodes: ReadonlySet<number> = new Set(
  (['malformed', 'update-too-large', 'limit-reached'] as const).map((code) => closeReason(code).code),
);

/**
 * These closes are not delayed here: they are delayed elsewhere (by token and address, old copies by 2 s), or must not
 * be.
 */
const notHeldCodes: ReadonlySet<number> = new Set(
  (['unauthorized', 'forbidden', 'generation-changed', 'shutting-down'] as const).map((code) => closeReason(code).code),
);

export interface ConnectionsDeps {
  readonly logger: Logger;
  readonly stats: NetStats;
  readonly admission: Admission;
  /** The time in which the session of a connection must become live. */
  readonly handshakeTimeoutMs: number;
  readonly held: HeldRefusals;
  /** The bytes of incomplete and waiting messages, on all connections. */
  readonly maxPartialBytes: number;
}

/**
 * The open connections. Pings them, closes those that are silent or do not become live in time, and closes all at the
 * end.
 */
export class Connections implements WsConnectionOwner {
  readonly turn = new TurnBudget({ now: () => performance.now(), atEnd: setImmediate });
  readonly #deps: ConnectionsDeps;
  readonly #all = new Set<WsConnection>();
  /** Connections that are not live yet, the oldest first. */
  readonly #pending = new Set<WsConnection>();
  /**
   * Closed because they were not live in time, the oldest first. Cut off if they do not answer the close frame soon.
   */
  readonly #late = new Set<WsConnection>();
  #ticker: NodeJS.Timeout | null = null;
  readonly #handshakeTicks: number;
  /** Counts closes by address, document and code. */
  readonly #closes = new RefusalCounts();
  #tick = 0;
  #made = 0;
  #waitingBytes = 0;
  #emptied: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps;
    this.#handshakeTicks = Math.max(1, Math.ceil(deps.handshakeTimeoutMs / tickMs));
  }

  /** Starts the timer that calls `tick`. It does not keep the process alive. `close` stops it. */
  start(): void {
    this.#ticker ??= setInterval(() => this.tick(), tickMs).unref();
  }

  get size(): number {
    return this.#all.size;
  }

  /** The bytes of incomplete and waiting messages, as of the last tick. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Adds a new connection. `addressKey` is null for an address without limits. */
  add(webSocket: OwnedWebSocket, socket: Socket, addressKey: string | null, documentName: string): WsConnection {
    const connection = new WsConnection(++this.#made, documentName, webSocket, socket, this);
    connection.admitted = this.#deps.admission.enter(addressKey);
    connection.openedTick = this.#tick;
    connection.dueTick = this.#tick + this.#handshakeTicks;
    this.#all.add(connection);
    this.#pending.add(connection);
    this.#deps.stats.connectionsOpened++;
    return connection;
  }

  /** Called four times a second. Pings connections at the pace at which they were opened, not all in one tick. */
  tick(): void {
    this.#tick++;
    for (const connection of this.#late) {
      if (connection.dueTick > this.#tick) break;
      this.#late.delete(connection);
      this.#guard(connection, () => connection.terminate());
    }
    for (const connection of this.#pending) {
      if (connection.dueTick > this.#tick) break;
      this.#pending.delete(connection);
      connection.dueTick = this.#tick + lateTicks;
      this.#late.add(connection);
      this.#guard(connection, () => connection.refuse(new RefusedError('not-live'), { atOnce: true }));
    }
    let waitingBytes = 0;
    let messageBytes = 0;
    const inspect = (connection: WsConnection): void => {
      waitingBytes += connection.waitingBytes;
      messageBytes += connection.messageBytes;
      this.#pingIfDue(connection);
    };
    for (const connection of this.#all) this.#guard(connection, inspect);
    this.#waitingBytes = waitingBytes;
    const { maxPartialBytes } = this.#deps;
    if (messageBytes > maxPartialBytes) this.#endPartial('messageBytes', messageBytes, maxPartialBytes);
    else if (waitingBytes > maxPartialBytes * socketsFactor)
      this.#endPartial('waitingBytes', waitingBytes, maxPartialBytes * socketsFactor);
  }

  /** Ends only this connection if `work` throws. A timer calls `tick`, so an uncaught error would end the process. */
  #guard(connection: WsConnection, work: (connection: WsConnection) => void): void {
    try {
      work(connection);
    } catch (error) {
      this.refused(connection, toRefusal(error));
      connection.terminate();
    }
  }

  /** Pings a connection whose ping is due, or cuts it off if it is silent. */
  #pingIfDue(connection: WsConnection): void {
    connection.workMs *= workKept;
    if (connection.dueTick > this.#tick || this.#pending.has(connection)) return;
    if (connection.silentPings >= maxSilentPings) {
      this.#deps.stats.connectionsSilent++;
      connection.terminate();
    } else {
      this.#schedulePing(connection);
      connection.ping();
    }
  }

  /**
   * Cuts off connections until the others hold at most `maxBytes`. Does not wait for close frames: the memory is needed
   * now.
   */
  #endPartial(held: 'messageBytes' | 'waitingBytes', bytes: number, maxBytes: number): void {
    let left = bytes;
    const worst = Array.from(this.#all).sort(
      (a, b) => Number(this.#pending.has(b)) - Number(this.#pending.has(a)) || b[held] - a[held],
    );
    for (const connection of worst) {
      if (left <= maxBytes) return;
      left -= connection[held];
      this.#guard(connection, () => {
        connection.refuse(limitReached('partial-messages'), { atOnce: true });
        connection.terminate();
      });
    }
  }

  #schedulePing(connection: WsConnection): void {
    connection.dueTick = this.#tick + pingTicks;
  }

  established(connection: WsConnection): void {
    if (!this.#pending.delete(connection)) return;
    connection.workMs += connectMs;
    this.#schedulePing(connection);
  }

  closing(connection: WsConnection, code: number): void {
    if (!refusedInputCodes.has(code)) return;
    this.#deps.admission.chargeRefusedWork(connection.admitted, connection.workMs);
    connection.workMs = 0;
  }

  /**
   * A close counts as repeated if its connection was opened after the last close with the same address, document and
   * code. So connections that are closed together count once. A connection that has lasted is not part of a loop:
   * grants of half a minute end in this way.
   */
  holdClose(connection: WsConnection, code: number): Promise<void> | null {
    if (notHeldCodes.has(code)) return null;
    const addressKey = connection.admitted?.key ?? '';
    const key = `${addressKey} ${code} ${connection.documentName}`;
    if (this.#tick - connection.openedTick >= lastingTicks) {
      this.#closes.forget(key);
      return null;
    }
    const delayMs = this.#closes.refusedAttempt(key, this.#tick * tickMs, connection.number, this.#made);
    // Output that waits for a slow reader takes memory until the socket is closed.
    const isSlow = connection.bufferedBytes >= drainBytes;
    return delayMs === 0 || isSlow ? null : this.#deps.held.hold(addressKey, delayMs);
  }

  refused(connection: WsConnection, refusal: RefusedError): void {
    const limit = refusal.code === 'message-too-large' ? 'message-size' : refusal.limit;
    increment(this.#deps.stats.connectionsRefused, refusal.code);
    if (limit !== null) increment(this.#deps.stats.limitsReached, limit);
    const fields = { connectionId: connection.id, error: refusal.code, limit, err: refusal.cause };
    if (refusal.code === 'internal') this.#deps.logger.error(fields, 'connection handler failed');
    else this.#deps.logger.info(fields, 'connection refused');
  }

  closed(connection: WsConnection, code: number, wastedMs: number): void {
    this.#deps.stats.closed(code);
    this.#deps.admission.chargeRefusedWork(connection.admitted, wastedMs);
    this.#deps.admission.leave(connection.admitted);
    this.#all.delete(connection);
    this.#pending.delete(connection);
    this.#late.delete(connection);
    if (this.#all.size === 0) this.#emptied?.();
  }

  /**
   * Closes all connections with this reason, and cuts off those that are open after `deadlineMs`. Resolves when none is
   * open. A second call returns the promise of the first.
   */
  close(reason: CloseReason, deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(reason, deadlineMs);
    return this.#closing;
  }

  async #close(reason: CloseReason, deadlineMs: number): Promise<void> {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    if (this.#all.size === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    for (const connection of this.#all) connection.close(reason, { atOnce: true });
    const deadline = setTimeout(() => this.terminate(), deadlineMs);
    await emptied;
    clearTimeout(deadline);
  }

  /** Cuts off all connections. */
  terminate(): void {
    for (const connection of this.#all) connection.terminate();
  }
}
