/**
 * Every limit there is: its name, its default, why that is what it is, and how somebody is told who has reached it. The
 * name is the label in `quire_limits_reached_total` and the `limit` of log lines; those that can be set are `--max-<name>`.
 */
import { count, size } from '../config/values.ts';
import { RefusedError } from '../errors.ts';
import { fixedLimits } from './fixed-limits.ts';
import { byClose, byCut, byStatus } from './limit.ts';
import type { Limit } from './limit.ts';

export { fixedLimits };

interface SettableLimit extends Limit {
  readonly parse: (value: string) => number;
  /** As one would write it. */
  readonly default: string;
  /** Of a rate per second: for how many seconds of it the bucket holds tokens. */
  readonly burstSeconds?: number;
}

/** What an operator may set. */
export const settableLimits = {
  connections: {
    what: 'Open WebSockets.',
    default: '20000',
    parse: count,
    why: 'One takes about 40 KB of memory with TLS, 0.8 GB for all of them.',
    gauge: 'quire_connections',
    refusal: byStatus('overloaded'),
    reason: 'too many connections',
  },
  'connections-per-address': {
    what: 'Open WebSockets of one address.',
    default: '1000',
    parse: count,
    why: 'A school or an office behind one address has as many, with a few tabs each.',
    refusal: byStatus('limit-reached'),
    reason: 'too many connections from your address',
  },
  'connections-per-user': {
    what: 'Open documents of one user (where users have names).',
    default: '200',
    parse: count,
    why: 'Nobody has more tabs open, and a leaked token opens no more.',
    refusal: byClose('limit-reached'),
    reason: 'too many connections of this user',
  },
  'connections-per-document': {
    what: 'People in one document.',
    default: '1000',
    parse: count,
    why: 'An edit is written to each of them, which takes 15 ms for so many.',
    refusal: byClose('limit-reached'),
    reason: 'too many people in this document',
  },
  'connect-rate': {
    what: 'New connections per second in all: TLS handshakes, and upgrades. Four times as many at once.',
    default: '1000',
    parse: count,
    burstSeconds: 4,
    why: 'One processor makes no more; after a restart everybody comes back together.',
    refusal: byStatus('overloaded'),
    reason: 'too many new connections',
  },
  'connect-rate-per-address': {
    what: 'The same of one address. Ten times as many at once.',
    default: '50',
    parse: count,
    burstSeconds: 10,
    why: 'An office of 500 comes back at once after a restart; a client that fails retries every 0.1 to 2.5 s.',
    refusal: byStatus('limit-reached'),
    reason: 'too many new connections from your address',
  },
  'request-rate': {
    what: 'HTTP requests per second of all addresses together, on all ports; health checks, metrics (`/healthz`, `/readyz`, `/metrics`) and ACME challenges do not count. Four times as many at once.',
    default: '1000',
    parse: count,
    burstSeconds: 4,
    why: 'One takes 0.3 ms, so this is a third of a processor. A thousand demo pages open within seconds.',
    refusal: byStatus('overloaded'),
    reason: 'too many requests',
  },
  'request-rate-per-address': {
    what: 'HTTP requests per second of one address; what asks how the server is (`/healthz`, `/readyz`, `/metrics`) is counted apart. Ten times as many at once.',
    default: '100',
    parse: count,
    burstSeconds: 10,
    why: 'One takes 0.3 ms. A hundred people behind one address open the demo page at once; probes come every few seconds.',
    refusal: byStatus('limit-reached'),
    reason: 'too many requests from your address',
  },
  'refused-work-per-address': {
    what: 'Milliseconds per second that the event loop may spend on what it then refuses, of one address. Twenty times as many at once; new connections wait while more is owed.',
    default: '3',
    parse: count,
    burstSeconds: 20,
    why: 'A refused edit takes 1 ms with its connection, one of 1 MB 4 ms; nobody honest sends many, and those in other documents should not notice who does.',
    refusal: byStatus('limit-reached'),
    reason: 'too much of what came from your address was refused',
  },
  'open-rate-per-address': {
    what: 'Documents per second that one address may have loaded from disk. Ten times as many at once; a few more wait.',
    default: '50',
    parse: count,
    burstSeconds: 10,
    why: 'As many as new connections, for an office in which everybody has a document of their own.',
    refusal: byClose('limit-reached'),
    reason: 'too many documents opened from your address',
  },
  'message-size': {
    what: 'The largest message that a client may send.',
    default: '20MB',
    parse: size,
    why: 'It is the biggest single update: all that somebody wrote offline.',
    refusal: byClose('message-too-large'),
    reason: 'message too large',
  },
  'unread-answers': {
    what: 'HTTP answers of all connections that their clients have not read; beyond it the connections with the largest are cut off.',
    default: '64MB',
    parse: size,
    why: 'A connection has one answer at a time, of 300 KB at most, and a client that reads nothing for 30 s is cut off.',
    gauge: 'quire_unread_answer_bytes',
    refusal: byCut('too-slow'),
    reason: 'too many unread answers',
  },
  'partial-messages': {
    what: 'Messages of all connections that have come in part, or that a session cannot take yet (it is not live, or scans a large update), in total; beyond it the largest of connections that are not live yet are ended, then the largest of all. With what paused sockets hold (128 KB each at most), four times as much.',
    default: '128MB',
    parse: size,
    why: 'Six of the largest at once; hundreds on slow lines, with a few MB each at most; 4,000 clients with offline edits that come back in one moment.',
    gauge: 'quire_waiting_message_bytes',
    refusal: byClose('limit-reached'),
    reason: 'too many unfinished messages',
  },
  'message-rate': {
    what: 'Messages per second of one connection, after 20,000 at once; what is beyond is read later.',
    default: '1000',
    parse: count,
    burstSeconds: 20,
    why: 'A hundred times what somebody types; a program that imports edit by edit goes on at that pace. Echoes of presence do not count.',
    refusal: null,
    reason: '',
  },
  'receive-rate': {
    what: 'Bytes per second of one connection, after ten times as many at once; what is beyond is read later.',
    default: '4MB',
    parse: size,
    burstSeconds: 10,
    why: 'Twice the largest message comes through at once, and a picture that is pasted is not noticed.',
    refusal: null,
    reason: '',
  },
  'presence-rate': {
    what: 'Changes of presence per second of one connection; what is beyond is shown once a second.',
    default: '60',
    parse: count,
    burstSeconds: 2,
    why: 'A pointer that is sent with every frame of a screen.',
    refusal: null,
    reason: '',
  },
  'sync-rate': {
    what: 'Bytes per second of answers to sync requests of one connection, after 20 times as many at once; the next answer waits.',
    default: '2MB',
    parse: size,
    burstSeconds: 20,
    why: 'The largest documents are sent twice without waiting.',
    refusal: null,
    reason: '',
  },
  'new-clients': {
    what: 'Client ids that one connection may bring into a document.',
    default: '10000',
    parse: count,
    why: 'A page makes one each time it is opened; a very old document that is moved here has as many.',
    refusal: byClose('update-too-large'),
    reason: 'too many new client ids from one connection',
  },
  'document-size': {
    what: 'Of one document. One that has grown to it takes deletions only.',
    default: '100MB',
    parse: size,
    why: 'A browser takes ten times as much memory and half a minute to open it.',
    refusal: byClose('document-too-large'),
    reason: 'document too large',
  },
  'outbox-memory': {
    what: 'What waits for slow readers in all; beyond it whoever is furthest behind is sent away.',
    default: '256MB',
    parse: size,
    why: 'A dozen who have stopped reading, or thousands on slow lines.',
    gauge: 'quire_outbox_memory_bytes',
    refusal: byClose('too-slow'),
    reason: 'client reads too slowly',
  },
  'room-memory': {
    what: 'Documents in memory, about; beyond it those that nobody uses are let go, and then no more are opened.',
    default: '512MB',
    parse: size,
    why: 'Some 100,000 small documents; leaves room on a machine with 1 GB.',
    gauge: 'quire_room_memory_bytes',
    refusal: byClose('overloaded'),
    reason: 'server is busy, try again later',
  },
} as const satisfies Record<string, SettableLimit>;

export type SettableLimitName = keyof typeof settableLimits;
export type LimitName = SettableLimitName | keyof typeof fixedLimits;

const limits: Readonly<Record<LimitName, Limit>> = { ...settableLimits, ...fixedLimits };

export const limitNames = Object.keys(limits) as readonly LimitName[];

/** The refusal of whoever has reached a limit. Not for limits at which somebody waits instead. */
export function limitReached(name: LimitName, retryAfterMs: number | null = null): RefusedError {
  const { refusal, reason } = limits[name];
  return new RefusedError(refusal?.code ?? 'limit-reached', reason, { limit: name, retryAfterMs });
}
