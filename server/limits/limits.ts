/**
 * All limits: name, default, the reason for the default, and how a client that reaches the limit is told. The name is
 * the label in `quire_limits_reached_total` and the `limit` of log lines. A limit that can be set has the option
 * `--max-<name>`.
 */

/** The refusals of limits. `server/errors.ts` holds the HTTP status and the close code of each. */
type LimitRefusal =
  | 'limit-reached'
  | 'overloaded'
  | 'too-slow'
  | 'malformed'
  | 'message-too-large'
  | 'update-too-large'
  | 'document-too-large';

/** The description of a limit, whether or not its value can be configured. */
export interface Limit {
  readonly what: string;
  readonly why: string;
  /**
   * The refusal, and whether it is sent by HTTP status, by close code, or by cutting the socket. Null: the client waits
   * instead.
   */
  readonly refusal: { readonly code: LimitRefusal; readonly by: 'status' | 'close' | 'cut' } | null;
  /** The metric of the current value. Only for limits on a total of all clients. */
  readonly gauge?: `quire_${string}`;
  /** The text sent to the client. */
  readonly reason: string;
}

const byStatus = (code: LimitRefusal) => ({ code, by: 'status' }) as const;
const byClose = (code: LimitRefusal) => ({ code, by: 'close' }) as const;
const byCut = (code: LimitRefusal) => ({ code, by: 'cut' }) as const;

interface SettableLimit extends Limit {
  readonly unit: 'bytes' | 'count';
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
    unit: 'count',
    why: 'One takes about 40 KB of memory with TLS, so 20,000 take 0.8 GB.',
    gauge: 'quire_connections',
    refusal: byStatus('overloaded'),
    reason: 'too many connections',
  },
  'connections-per-address': {
    what: 'Open WebSockets from one address.',
    default: '1000',
    unit: 'count',
    why: 'A school or an office behind one address needs this many, with a few tabs per user.',
    refusal: byStatus('limit-reached'),
    reason: 'too many connections from your address',
  },
  'connections-per-user': {
    what: 'Open connections of one user, if users are authenticated.',
    default: '200',
    unit: 'count',
    why: 'Users do not have more tabs open. It also bounds the use of a leaked token.',
    refusal: byClose('limit-reached'),
    reason: 'too many connections of this user',
  },
  'connections-per-document': {
    what: 'Clients in one document.',
    default: '1000',
    unit: 'count',
    why: 'An edit is written to each client, which takes 15 ms for 1,000.',
    refusal: byClose('limit-reached'),
    reason: 'too many people in this document',
  },
  'connect-rate': {
    what: 'New connections per second from all addresses. TLS handshakes and upgrades are counted separately. Four times as many at once.',
    default: '1000',
    unit: 'count',
    burstSeconds: 4,
    why: 'One processor can make no more. After a restart all clients reconnect together.',
    refusal: byStatus('overloaded'),
    reason: 'too many new connections',
  },
  'connect-rate-per-address': {
    what: 'New connections per second from one address. Ten times as many at once.',
    default: '50',
    unit: 'count',
    burstSeconds: 10,
    why: 'An office of 500 users reconnects at once after a restart. A client that fails retries every 0.1 to 2.5 s.',
    refusal: byStatus('limit-reached'),
    reason: 'too many new connections from your address',
  },
  'request-rate': {
    what: 'HTTP requests per second from all addresses, on all ports. Health checks, metrics (`/healthz`, `/readyz`, `/metrics`) and ACME challenges do not count. Four times as many at once.',
    default: '1000',
    unit: 'count',
    burstSeconds: 4,
    why: 'One takes 0.3 ms, so 1,000 take a third of a processor. A thousand demo pages open within seconds.',
    refusal: byStatus('overloaded'),
    reason: 'too many requests',
  },
  'request-rate-per-address': {
    what: 'HTTP requests per second from one address. Health checks and metrics (`/healthz`, `/readyz`, `/metrics`) are counted separately. Ten times as many at once.',
    default: '100',
    unit: 'count',
    burstSeconds: 10,
    why: 'One takes 0.3 ms. A hundred users behind one address can open the demo page at once. Health checks come every few seconds.',
    refusal: byStatus('limit-reached'),
    reason: 'too many requests from your address',
  },
  'refused-work-per-address': {
    what: 'Milliseconds per second that the event loop may spend on input from one address that it then refuses. Twenty times as many at once. Beyond that, new connections from the address wait.',
    default: '3',
    unit: 'count',
    burstSeconds: 20,
    why: 'A refused edit takes 1 ms with its connection, and 4 ms if it has 1 MB. Ordinary clients send few of them, and a client that sends many must not delay other documents.',
    refusal: byStatus('limit-reached'),
    reason: 'too much refused input from your address',
  },
  'open-rate-per-address': {
    what: 'Documents per second loaded from disk for one address. Ten times as many at once. A few more wait.',
    default: '50',
    unit: 'count',
    burstSeconds: 10,
    why: 'The same as the rate of new connections, for an office in which every user opens a different document.',
    refusal: byClose('limit-reached'),
    reason: 'too many documents opened from your address',
  },
  'message-size': {
    what: 'The largest message that a client may send.',
    default: '20MB',
    unit: 'bytes',
    why: 'The largest update is everything that a user wrote offline.',
    refusal: byClose('message-too-large'),
    reason: 'message too large',
  },
  'unread-answers': {
    what: 'Bytes of HTTP responses that clients have not read, on all connections. Beyond this the connections with the most are cut off.',
    default: '64MB',
    unit: 'bytes',
    why: 'A connection has one response at a time, of at most 300 KB. A client that reads nothing for 30 s is cut off.',
    gauge: 'quire_unread_answer_bytes',
    refusal: byCut('too-slow'),
    reason: 'too many unread responses',
  },
  'partial-messages': {
    what: 'Bytes of messages on all connections that are incomplete, or that wait because their session is not established yet or scans a large update. Beyond this, the connections with the most bytes are closed, first among those that are not established, then among all. Together with the bytes in paused sockets (at most 128 KB each) the limit is four times as high.',
    default: '128MB',
    unit: 'bytes',
    why: 'Enough for six of the largest messages at once, for hundreds of clients on slow lines with a few MB each, or for 4,000 clients with offline edits that reconnect at the same moment.',
    gauge: 'quire_waiting_message_bytes',
    refusal: byClose('limit-reached'),
    reason: 'too many unfinished messages',
  },
  'message-rate': {
    what: 'Messages per second on one connection, after 20,000 at once. Further messages are read later.',
    default: '1000',
    unit: 'count',
    burstSeconds: 20,
    why: 'A hundred times as many as a typing user sends. A program that imports edit by edit continues at this rate. Presence that a client sends back does not count.',
    refusal: null,
    reason: '',
  },
  'receive-rate': {
    what: 'Bytes per second on one connection, after ten times as many at once. Further bytes are read later.',
    default: '4MB',
    unit: 'bytes',
    burstSeconds: 10,
    why: 'Two of the largest messages are read at once, and a pasted picture is not delayed.',
    refusal: null,
    reason: '',
  },
  'presence-rate': {
    what: 'Changes of presence per second on one connection. Beyond this, the latest state is shown once a second.',
    default: '60',
    unit: 'count',
    burstSeconds: 2,
    why: 'A pointer that is sent with every frame of a 60 Hz screen.',
    refusal: null,
    reason: '',
  },
  'sync-rate': {
    what: 'Bytes per second of answers to sync requests on one connection, after 20 times as many at once. The next answer waits.',
    default: '2MB',
    unit: 'bytes',
    burstSeconds: 20,
    why: 'Enough to send a document of 20 MB twice without waiting.',
    refusal: null,
    reason: '',
  },
  'new-clients': {
    what: 'New client ids that one connection may add to a document.',
    default: '10000',
    unit: 'count',
    why: 'A page creates one each time it is opened. A very old document that is imported has this many.',
    refusal: byClose('update-too-large'),
    reason: 'too many new client ids from one connection',
  },
  'document-size': {
    what: 'Size of one document. A document that has reached it takes only deletions.',
    default: '100MB',
    unit: 'bytes',
    why: 'To open such a document, a browser needs ten times as much memory and half a minute.',
    refusal: byClose('document-too-large'),
    reason: 'document too large',
  },
  'outbox-memory': {
    what: 'Bytes that wait for all slow readers. Beyond this, the client that is furthest behind is closed.',
    default: '256MB',
    unit: 'bytes',
    why: 'Enough for a dozen clients that have stopped reading, or for thousands on slow lines.',
    gauge: 'quire_outbox_memory_bytes',
    refusal: byClose('too-slow'),
    reason: 'client reads too slowly',
  },
  'room-memory': {
    what: 'Estimated memory of all loaded documents. Beyond this, idle documents are evicted. If that is not enough, no more documents are loaded.',
    default: '512MB',
    unit: 'bytes',
    why: 'Enough for some 100,000 small documents. It leaves room on a machine with 1 GB.',
    gauge: 'quire_room_memory_bytes',
    refusal: byClose('overloaded'),
    reason: 'server is busy, try again later',
  },
} as const satisfies Record<string, SettableLimit>;

interface FixedLimit extends Limit {
  /** In the unit below, or the name of the limit whose value is used. */
  readonly max: number | 'message-size';
  readonly unit: 'bytes' | 'count' | 'seconds' | 'per second';
}

/** The limits that cannot be set. Ordinary clients do not come near them. */
export const fixedLimits = {
  'outbox-size': {
    what: 'Bytes that wait for one slow reader.',
    max: 'message-size',
    unit: 'bytes',
    why: 'A client that is further behind catches up faster with a fresh sync.',
    refusal: byClose('too-slow'),
    reason: 'client reads too slowly',
  },
  'queue-size': {
    what: 'Bytes that one connection may send before its document is loaded.',
    max: 'message-size',
    unit: 'bytes',
    why: 'One message, and 64 KB more that the same read from the socket may contain.',
    refusal: byClose('limit-reached'),
    reason: 'too many bytes before the document is loaded',
  },
  'answer-seconds': {
    what: 'Time that a client may take to read one HTTP response. It starts when a part of the response waits in the server.',
    max: 300,
    unit: 'seconds',
    why: 'The largest response has 300 KB, so a line of 1 KB/s is fast enough. A client that reads nothing is cut off after 30 s.',
    refusal: byCut('too-slow'),
    reason: 'a response was read too slowly',
  },
  'held-refusals': {
    what: 'Refusals and closes that repeat and are delayed by up to 4 s. At most a tenth of `connections` in total, and a tenth of `connections-per-address` for one address.',
    max: 1_000,
    unit: 'count',
    why: 'Each occupies the place of a connection until then. Up to 250 refusals per second get the full delay.',
    gauge: 'quire_held_refusals',
    refusal: null,
    reason: '',
  },
  'access-checks-per-address': {
    what: 'Clients from one address that wait until Quire can ask the application (`--auth-url`) about them.',
    max: 1_000,
    unit: 'count',
    why: 'The same as the connections from one address, for an office that reconnects at once.',
    refusal: byClose('limit-reached'),
    reason: 'too many access checks wait for your address',
  },
  'access-checks': {
    what: 'Clients from all addresses that wait until Quire can ask the application about them.',
    max: 5_000,
    unit: 'count',
    why: 'The application could not answer more within 3 s, and clients do not wait longer.',
    gauge: 'quire_waiting_access_checks',
    refusal: byClose('overloaded'),
    reason: 'server is busy, try again later',
  },
  'unsaved-edits': {
    what: 'Bytes of edits on all connections that are not on disk yet. A connection with more than 24 MB of them is not read. When half of the limit is reached, a connection with more than 64 KB is not read. When the limit is reached, no connection with unsaved edits is read.',
    max: 64 * 1024 * 1024,
    unit: 'bytes',
    why: 'A disk that writes 100 MB/s needs 0.6 s for them. A slow disk must not fill the memory.',
    gauge: 'quire_unsaved_edit_bytes',
    refusal: null,
    reason: '',
  },
  'sync-requests': {
    what: 'SyncStep1 messages on one connection, after 40 at once. The next answer waits.',
    max: 2,
    unit: 'per second',
    why: 'A client sends one per connection, or one every few seconds (`resyncInterval`). An answer takes up to 25 ms.',
    refusal: null,
    reason: '',
  },
  'waiting-sync-requests': {
    what: 'SyncStep1 messages on one connection that wait for an answer.',
    max: 8,
    unit: 'count',
    why: 'Stock clients do not ask again before the answer has come.',
    refusal: byClose('limit-reached'),
    reason: 'too many sync requests',
  },
  'waiting-probes': {
    what: 'Saved probes on one connection that wait for an answer.',
    max: 1_000,
    unit: 'count',
    why: 'A page sends at most one after each edit.',
    refusal: byClose('limit-reached'),
    reason: 'too many waiting probes',
  },
  'probe-size': {
    what: 'Size of the payload of a saved probe.',
    max: 1_024,
    unit: 'bytes',
    why: 'The payload is a counter or a random id.',
    refusal: byClose('malformed'),
    reason: 'a probe is too large',
  },
  'presence-size': {
    what: 'Size of one presence state as JSON.',
    max: 16_384,
    unit: 'bytes',
    why: 'Name, color and selection take a few hundred bytes.',
    refusal: byClose('malformed'),
    reason: 'a presence state is too large',
  },
  'presence-depth': {
    what: 'Nesting depth of one presence state.',
    max: 64,
    unit: 'count',
    why: 'Clients compare states by recursion, which fails at a few thousand levels. A cursor has five.',
    refusal: byClose('malformed'),
    reason: 'a presence state is nested too deeply',
  },
  'presence-entries': {
    what: 'Presence states in one message.',
    max: 5_000,
    unit: 'count',
    why: 'A client sends back the states that it receives, which are those of all clients in the document.',
    refusal: byClose('malformed'),
    reason: 'too many presence states',
  },
  'document-clients': {
    what: 'Client ids in one document.',
    max: 20_000,
    unit: 'count',
    why: 'A very old document has 10,000. With more than 20,000, one message that names all of them takes longer than the event loop may be blocked.',
    refusal: byClose('malformed'),
    reason: 'too many clients have written this document',
  },
  'value-depth': {
    what: 'Nesting depth of one JSON value in a document.',
    max: 256,
    unit: 'count',
    why: 'Yjs reads and writes values by recursion, which fails at about 8,000 levels.',
    refusal: byClose('malformed'),
    reason: 'a value is nested too deeply',
  },
  'type-depth': {
    what: 'Nesting depth of shared types. It is checked in each update, and again when a document is folded.',
    max: 100_000,
    unit: 'count',
    why: 'The worker thread that folds documents deletes nested types by recursion, and its stack holds this many levels.',
    refusal: byClose('malformed'),
    reason: 'shared types are nested too deeply',
  },
  'deleted-ranges': {
    what: 'Separate ranges of deleted clocks in one document or one update. A document that has this many takes only deletions that do not add ranges.',
    max: 500_000,
    unit: 'count',
    why: 'A browser holds a million items for such a document. The server processes all ranges in one turn of the event loop when a client reconnects.',
    refusal: byClose('document-too-large'),
    reason: 'too many separate deletions in this document',
  },
  'waiting-edits': {
    what: 'Memory of the edits and deletions of one document that wait for missing edits.',
    max: 1024 * 1024,
    unit: 'bytes',
    why: 'Ordinary gaps close within a round trip and hold a few KB.',
    refusal: byClose('malformed'),
    reason: 'too many edits that build on missing ones',
  },
} as const satisfies Record<string, FixedLimit>;

export type SettableLimitName = keyof typeof settableLimits;
export type LimitName = SettableLimitName | keyof typeof fixedLimits;

/** All limits by name, as plain descriptions. */
export const limits: Readonly<Record<LimitName, Limit>> = { ...settableLimits, ...fixedLimits };

export const limitNames = Object.keys(limits) as readonly LimitName[];
