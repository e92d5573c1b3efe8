import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RefusedError } from '../errors.ts';
import { fixedLimits } from '../limits/limits.ts';
import type { Logger } from '../logger.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';
import type { Held, TurnBudget } from './turn-budget.ts';
import { UpgradableRequest } from './upgradable-request.ts';

export interface RequestInputDeps {
  /** Shared with the WebSockets. */
  readonly turn: TurnBudget;
  readonly stats: NetStats;
  readonly logger: Logger;
  /** The bytes of unread responses, on all connections. */
  readonly maxUnreadBytes: number;
}

/** The interval of `tick`. */
const tickMs = 250;
export const ticksPerSecond = 1_000 / tickMs;
/** A client that reads nothing of a response for 30 s is cut off. */
export const unreadTicks = 30 * ticksPerSecond;
/**
 * The charge for a request, in milliseconds. Answering takes that long, mostly after the call that parses the request.
 */
const requestMs = 0.3;
/** The most bytes that the parser gets in one call. */
const maxSliceBytes = 4_096;
const [LF, CR] = [10, 13];

/** An HTTP socket with its state. */
interface HttpSocket extends Socket {
  httpState?: SocketState | undefined;
  /**
   * Node's handle below the socket. Counts the bytes that the kernel has not accepted; `writableLength` counts whole
   * writes.
   */
  readonly _handle?: Handle | null;
}

interface Handle {
  readonly writeQueueSize?: number;
  /** The TCP handle below a TLS handle. */
  readonly _parent?: Handle | null;
}

/** The bytes that the kernel has not accepted. */
export function queuedBytes(handle: Handle | null | undefined): number {
  return handle ? (handle.writeQueueSize ?? 0) + queuedBytes(handle._parent) : 0;
}

/** The `data` listener of each HTTP socket, in place of the one of Node's HTTP server. */
function arrives(this: HttpSocket, chunk: Buffer): void {
  this.httpState?.arriving(chunk);
}

/** The `close` listener of each response. */
function answered(this: ServerResponse): void {
  (this.req.socket as HttpSocket).httpState?.answered();
}

/** The state of an HTTP connection. */
class SocketState implements Held {
  readonly socket: HttpSocket;
  readonly #input: RequestInput;
  /** Node's `data` listener. Parses the bytes, and emits `request` or `upgrade` during the call. */
  readonly #parse: (chunk: Buffer) => void;
  /** Requests whose response is incomplete or unread. Mostly one: see `#mustWait`. */
  #unanswered = 0;
  #latest: IncomingMessage | null = null;
  /** The socket is paused until the response is complete. */
  #waits = false;
  #isHeld = false;
  /** The unread bytes at the latest tick. Changes while the client reads. */
  #unreadMark = 0;
  #silentTicks = 0;
  /** Ticks at which a part of the response was unread. */
  #readingTicks = 0;

  constructor(socket: HttpSocket, input: RequestInput, parse: (chunk: Buffer) => void) {
    this.socket = socket;
    this.#input = input;
    this.#parse = parse;
  }

  arriving(chunk: Buffer): void {
    const { turn } = this.#input;
    turn.begin();
    if (turn.isFull) this.#hold();
    else chunk = this.#read(chunk);
    // Bytes that are not parsed go back into the socket, where they stay in order before the end of the stream.
    if (chunk.length > 0 && !this.socket.destroyed) this.socket.unshift(chunk);
  }

  /** Parses one request after the other. Returns the bytes that must wait. */
  #read(chunk: Buffer): Buffer {
    const { socket } = this;
    const { turn } = this.#input;
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#mustWait) {
        this.#waits = true;
        socket.pause();
        return rest;
      }
      const length = sliceLength(rest);
      this.#parse.call(socket, rest.subarray(0, length));
      rest = rest.subarray(length);
      turn.end();
      // The request was an upgrade, or Node has paused the socket and will resume it.
      if (socket.httpState !== this || socket.readableFlowing === false) return rest;
      if (turn.isSpent && rest.length > 0) {
        this.#hold();
        return rest;
      }
    }
    return rest;
  }

  /**
   * Whether the next bytes must wait for a response. Not while the body of the latest request is incomplete, because
   * its handler may need it. The slice that ends a body may contain the header of one more request.
   */
  get #mustWait(): boolean {
    return this.#unanswered > 1 || (this.#unanswered === 1 && this.#latest?.complete === true);
  }

  #hold(): void {
    this.socket.pause();
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#input.turn.hold(this);
  }

  release(): void {
    const { socket } = this;
    this.#isHeld = false;
    if (socket.destroyed || socket.httpState !== this) return;
    try {
      socket.resume();
      // Emits 'data' during this call, so the turn budget measures it.
      if (socket.readableLength > 0) socket.read();
    } catch (error) {
      this.#input.broken(this, error);
    }
    this.#input.turn.end();
  }

  answering(request: IncomingMessage): void {
    this.#unanswered++;
    this.#latest = request;
    this.#silentTicks = 0;
    this.#readingTicks = 0;
  }

  answered(): void {
    this.#unanswered--;
    if (this.#unanswered === 0) {
      this.#latest = null;
      this.#input.forget(this);
    }
    if (!this.#waits || this.#mustWait) return;
    this.#waits = false;
    this.#hold();
  }

  /** Returns in which way the client is too slow; null if it is not. */
  tick(): 'silent' | 'slow' | null {
    const { socket } = this;
    const mark = socket.writableLength + queuedBytes(socket._handle);
    this.#silentTicks = mark > 0 && mark === this.#unreadMark ? this.#silentTicks + 1 : 0;
    this.#unreadMark = mark;
    if (mark > 0) this.#readingTicks++;
    if (this.#silentTicks >= unreadTicks) return 'silent';
    return this.#readingTicks > fixedLimits['answer-seconds'].max * ticksPerSecond ? 'slow' : null;
  }
}

/**
 * Reads HTTP requests in turns. Node alone parses all requests of a chunk at once, up to thousands, and emits them in
 * one turn. Here, the next request of a connection is parsed after the client has read the previous response, when the
 * turn has time for it. So a connection has one response in memory. The total of all responses is bounded too. All
 * listeners share one object.
 */
export class RequestInput {
  readonly #deps: RequestInputDeps;
  readonly #answering = new Set<SocketState>();
  #ticker: NodeJS.Timeout | null = null;

  constructor(deps: RequestInputDeps) {
    this.#deps = deps;
  }

  /** Starts the timer that calls `tick`. It does not keep the process alive. */
  start(): void {
    this.#ticker ??= setInterval(() => this.tick(), tickMs).unref();
  }

  /** The number of connections with an incomplete or unread response. */
  get answering(): number {
    return this.#answering.size;
  }

  get turn(): TurnBudget {
    return this.#deps.turn;
  }

  /** Takes over the input of a socket. Call it after Node's HTTP server has added its listeners. */
  attach(socket: Socket): void {
    const parse = socket.listeners('data')[0] as ((chunk: Buffer) => void) | undefined;
    if (parse === undefined) return;
    socket.removeListener('data', parse);
    (socket as HttpSocket).httpState = new SocketState(socket, this, parse);
    socket.on('data', arrives);
  }

  /** Gives up a socket that no longer speaks HTTP. May be called twice. */
  detach(socket: Duplex): void {
    const { httpState } = socket as HttpSocket;
    if (httpState === undefined) return;
    this.#answering.delete(httpState);
    (socket as HttpSocket).httpState = undefined;
    socket.removeListener('data', arrives);
  }

  /** Returns a listener of `request`. It passes the requests that are not refused to `answer`. */
  listener(answer: RequestListener): RequestListener {
    return (request, response) => {
      const { httpState } = request.socket as HttpSocket;
      if (httpState !== undefined) {
        httpState.answering(request);
        this.#answering.add(httpState);
        response.on('close', answered);
      }
      const { turn } = this.#deps;
      turn.begin();
      turn.charge(requestMs);
      const fault = hostFault(request);
      if (request instanceof UpgradableRequest && request.losesNextRequest) response.shouldKeepAlive = false;
      if (fault === null) answer(request, response);
      else this.#refuse(response, fault);
      // Promises create the response. Their time counts in this turn, too.
      queueMicrotask(() => process.nextTick(() => turn.end()));
    };
  }

  #refuse(response: ServerResponse, fault: string): void {
    const { code: error, message: reason } = new RefusedError('bad-request', fault);
    increment(this.#deps.stats.requestsUnreadable, error);
    this.#deps.logger.info({ error, err: reason }, 'request not readable');
    const body = JSON.stringify({ error, reason });
    response.writeHead(400, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    });
    response.end(body);
  }

  /** @internal The client of this connection has read its response. */
  forget(state: SocketState): void {
    this.#answering.delete(state);
  }

  /** The bytes of all unread responses, as Node counts them: in whole writes. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const { socket } of this.#answering) bytes += socket.writableLength;
    return bytes;
  }

  /** Called four times a second. Cuts off clients that do not read their responses. */
  tick(): void {
    for (const state of this.#answering) this.#cutIfSlow(state);
    let { unreadBytes } = this;
    if (unreadBytes <= this.#deps.maxUnreadBytes) return;
    const worst = Array.from(this.#answering).sort((a, b) => b.socket.writableLength - a.socket.writableLength);
    for (const state of worst) {
      if (unreadBytes <= this.#deps.maxUnreadBytes) return;
      unreadBytes -= state.socket.writableLength;
      increment(this.#deps.stats.limitsReached, 'unread-answers');
      this.#cut(state, 'too many unread responses');
    }
  }

  /** Cuts off a client that reads too slowly. A timer calls `tick`, so an error ends only this connection. */
  #cutIfSlow(state: SocketState): void {
    // Node emits no 'close' for a response that is queued behind another one when the socket is destroyed.
    if (state.socket.destroyed) {
      this.#answering.delete(state);
      return;
    }
    try {
      const fault = state.tick();
      if (fault === null) return;
      if (fault === 'silent') this.#cut(state, 'the client read nothing of a response for 30 s');
      else {
        increment(this.#deps.stats.limitsReached, 'answer-seconds');
        this.#cut(state, fixedLimits['answer-seconds'].reason);
      }
    } catch (error) {
      this.broken(state, error);
    }
  }

  /** @internal Logs an error of this program while it handled the socket, and destroys the socket. */
  broken({ socket }: SocketState, error: unknown): void {
    this.#deps.logger.error({ err: error }, 'HTTP connection failed');
    socket.destroy();
  }

  #cut(state: SocketState, reason: string): void {
    this.#deps.stats.answersUnread++;
    this.#deps.logger.info({ reason, bytes: state.socket.writableLength }, 'connection cut off');
    this.#answering.delete(state);
    state.socket.destroy();
  }

  /** Stops the timer. */
  stop(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
  }
}

export const twoHosts = 'more than one Host header';

/** The number of Host headers of a request. With two, a proxy and this server might each use a different one. */
export function countHosts({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts++;
  return hosts;
}

/** Why a request is refused; null if it is not. HTTP/1.0 needs no Host header: load balancers probe without one. */
function hostFault(request: IncomingMessage): string | null {
  const hosts = countHosts(request);
  if (hosts > 1) return twoHosts;
  return hosts === 0 && request.httpVersion === '1.1' ? 'a Host header is required' : null;
}

/**
 * The length up to the first empty line, which ends the header of a request. So a slice holds at most one header end.
 */
function sliceLength(bytes: Buffer): number {
  const end = Math.min(bytes.length, maxSliceBytes);
  // The previous line break may have been in an earlier slice.
  if (bytes[0] === LF) return 1;
  if (bytes[0] === CR && bytes[1] === LF) return 2;
  for (let at = bytes.indexOf(LF); at !== -1 && at < end; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return end;
}
