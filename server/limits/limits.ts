/**
 * All limits: name, default, the reason for the default, and how a client that reaches the limit is told. The name is the
 * label in `quire_limits_reached_total` and the `limit` of log lines. A limit that can be set has the option `--max-<name>`.
 */
import { count, size } from '../config/values.ts';
import { RefusedError } from '../errors.ts';
import { fixedLimits } from './fixed-limits.ts';
import { byClose, byCut, byStatus } from './limit.ts';
import type { Limit } from './limit.ts';

export { fixedLimits };

interface SettableLimit extends Limit {
  readonly parse: (value: string) => number;
  /** As a user writes it. */
  readonly default: string;
  /** Only for a rate per second: the size of its token bucket, in seconds of the rate. */
  readonly burstSeconds?: number;
}

/** The limits that an operator can set. */
export const settableLimits = {
  connections: {
    what: 'Open WebSockets.',
    default: '20000',
    parse: count,
    why: 'One takes about 40 KB of memory with TLS, so 20,000 take 0.8 GB.',
    gauge: 'quire_connections',
    refusal: byStatus('overloaded'),
    reason: 'too many connections',
  },
  'connections-per-address': {
    what: 'Open WebSockets from one address.',
    default: '1000',
    parse: count,
    why: 'A school or an office behind one address needs this many, with a few tabs per user.',
    refusal: byStatus('limit-reached'),
    reason: 'too many connections from your address',
  },
  'connections-per-user': {
    what: 'Open connections of one user, if users are authenticated.',
    default: '200',
    parse: count,
    why: 'Users do not have more tabs open. It also bounds the use of a leaked token.',
    refusal: byClose('limit-reached'),
    reason: 'too many connections of this user',
  },
  'connections-per-document': {
    what: 'Clients in one document.',
    default: '1000',
    parse: count,
    why: 'An edit is written to each client, which takes 15 ms for 1,000.',
    refusal: byClose('limit-reached'),
    reason: 'too many people in this document',
  },
  'connect-rate': {
    what: 'New connections per second from all addresses. TLS handshakes and upgrades are counted separately. Four times as many at once.',
    default: '1000',
    parse: count,
    burstSeconds: 4,
    why: 'One processor can make no more. After a restart all clients reconnect together.',
    refusal: byStatus('overloaded'),
    reason: 'too many new connections',
  },
  'connect-rate-per-address': {
    what: 'New connections per second from one address. Ten times as many at once.',
    default: '50',
    parse: count,
    burstSeconds: 10,
    why: 'An office of 500 users reconnects at once after a restart. A client that fails retries every 0.1 to 2.5 s.',
    refusal: byStatus('limit-reached'),
    reason: 'too many new connections from your address',
  },
  'request-rate': {
    what: 'HTTP requests per second from all addresses, on all ports. Health checks, metrics (`/healthz`, `/readyz`, `/metrics`) and ACME challenges do not count. Four times as many at once.',
    default: '1000',
    parse: count,
    burstSeconds: 4,
    why: 'One takes 0.3 ms, so 1,000 take a third of a processor. A thousand demo pages open within seconds.',
    refusal: byStatus('overloaded'),
    reason: 'too many requests',
  },
  'request-rate-per-address': {
    what: 'HTTP requests per second from one address. Health checks and metrics (`/healthz`, `/readyz`, `/metrics`) are counted separately. Ten times as many at once.',
    default: '100',
    parse: count,
    burstSeconds: 10,
    why: 'One takes 0.3 ms. A hundred users behind one address can open the demo page at once. Health checks come every few seconds.',
    refusal: byStatus('limit-reached'),
    reason: 'too many requests from your address',
  },
  'refused-work-per-address': {
    what: 'Milliseconds per second that the event loop may spend on input from one address that it then refuses. Twenty times as many at once. Beyond that, new connections from the address wait.',
    default: '3',
    parse: count,
    burstSeconds: 20,
    why: 'A refused edit takes 1 ms with its connection, and 4 ms if it has 1 MB. Ordinary clients send few of them, and a client that sends many must not delay other documents.',
    refusal: byStatus('limit-reached'),
    reason: 'too much of what came from your address was refused',
  },
  'open-rate-per-address': {
    what: 'Documents per second loaded from disk for one address. Ten times as many at once. A few more wait.',
    default: '50',
    parse: count,
    burstSeconds: 10,
    why: 'The same as the rate of new connections, for an office in which every user opens a different document.',
    refusal: byClose('limit-reached'),
    reason: 'too many documents opened from your address',
  },
  'message-size': {
    what: 'The largest message that a client may send.',
    default: '20MB',
    parse: size,
    why: 'The largest update is everything that a user wrote offline.',
    refusal: byClose('message-too-large'),
    reason: 'message too large',
  },
  'unread-answers': {
    what: 'Bytes of HTTP responses that clients have not read, on all connections. Beyond this the connections with the most are cut off.',
    default: '64MB',
    parse: size,
    why: 'A connection has one response at a time, of at most 300 KB. A client that reads nothing for 30 s is cut off.',
    gauge: 'quire_unread_answer_bytes',
    refusal: byCut('too-slow'),
    reason: 'too many unread answers',
  },
  'partial-messages': {
    what: 'Bytes of messages on all connections that are incomplete, or that wait because their session is not established yet or scans a large update. Beyond this, the connections with the most bytes are closed, first among those that are not established, then among all. Together with the bytes in paused sockets (at most 128 KB each) the limit is four times as high.',
    default: '128MB',
    parse: size,
    why: 'Enough for six of the largest messages at once, for hundreds of clients on slow lines with a few MB each, or for 4,000 clients with offline edits that reconnect at the same moment.',
    gauge: 'quire_waiting_message_bytes',
    refusal: byClose('limit-reached'),
    reason: 'too many unfinished messages',
  },
  'message-rate': {
    what: 'Messages per second on one connection, after 20,000 at once. Further messages are read later.',
    default: '1000',
    parse: count,
    burstSeconds: 20,
    why: 'A hundred times as many as a typing user sends. A program that imports edit by edit continues at this rate. Presence that a client sends back does not count.',
    refusal: null,
    reason: '',
  },
  'receive-rate': {
    what: 'Bytes per second on one connection, after ten times as many at once. Further bytes are read later.',
    default: '4MB',
    parse: size,
    burstSeconds: 10,
    why: 'Two of the largest messages are read at once, and a pasted picture is not delayed.',
    refusal: null,
    reason: '',
  },
  'presence-rate': {
    what: 'Changes of presence per second on one connection. Beyond this, the latest state is shown once a second.',
    default: '60',
    parse: count,
    burstSeconds: 2,
    why: 'A pointer that is sent with every frame of a 60 Hz screen.',
    refusal: null,
    reason: '',
  },
  'sync-rate': {
    what: 'Bytes per second of answers to sync requests on one connection, after 20 times as many at once. The next answer waits.',
    default: '2MB',
    parse: size,
    burstSeconds: 20,
    why: 'Enough to send a document of 20 MB twice without waiting.',
    refusal: null,
    reason: '',
  },
  'new-clients': {
    what: 'New client ids that one connection may add to a document.',
    default: '10000',
    parse: count,
    why: 'A page creates one each time it is opened. A very old document that is imported has this many.',
    refusal: byClose('update-too-large'),
    reason: 'too many new client ids from one connection',
  },
  'document-size': {
    what: 'Size of one document. A document that has reached it takes only deletions.',
    default: '100MB',
    parse: size,
    why: 'To open such a document, a browser needs ten times as much memory and half a minute.',
    refusal: byClose('document-too-large'),
    reason: 'document too large',
  },
  'outbox-memory': {
    what: 'Bytes that wait for all slow readers. Beyond this, the client that is furthest behind is closed.',
    default: '256MB',
    parse: size,
    why: 'Enough for a dozen clients that have stopped reading, or for thousands on slow lines.',
    gauge: 'quire_outbox_memory_bytes',
    refusal: byClose('too-slow'),
    reason: 'client reads too slowly',
  },
  'room-memory': {
    what: 'Estimated memory of all loaded documents. Beyond this, idle documents are evicted. If that is not enough, no more documents are loaded.',
    default: '512MB',
    parse: size,
    why: 'Enough for some 100,000 small documents. It leaves room on a machine with 1 GB.',
    gauge: 'quire_room_memory_bytes',
    refusal: byClose('overloaded'),
    reason: 'server is busy, try again later',
  },
} as const satisfies Record<string, SettableLimit>;

export type SettableLimitName = keyof typeof settableLimits;
export type LimitName = SettableLimitName | keyof typeof fixedLimits;

const limits: Readonly<Record<LimitName, Limit>> = { ...settableLimits, ...fixedLimits };

export const limitNames = Object.keys(limits) as readonly LimitName[];

/** The refusal for a client that has reached a limit. Not for limits at which the client waits instead. */
export function limitReached(name: LimitName, retryAfterMs: number | null = null): RefusedError {
  const { refusal, reason } = limits[name];
  return new RefusedError(refusal?.code ?? 'limit-reached', reason, { limit: name, retryAfterMs });
}
