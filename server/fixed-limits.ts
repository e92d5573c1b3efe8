import { byClose } from './limit.ts';
import type { Limit } from './limit.ts';

interface FixedLimit extends Limit {
  /** In the unit below; or as much as another limit is set to. */
  readonly max: number | 'message-size';
  readonly unit: 'bytes' | 'count' | 'per second';
}

/** What is as it is: nobody honest comes near it. */
export const fixedLimits = {
  'outbox-size': {
    what: 'What waits for one slow reader.',
    max: 'message-size',
    unit: 'bytes',
    why: 'Who is further behind is better off with a fresh sync.',
    refusal: byClose('too-slow'),
    reason: 'client reads too slowly',
  },
  'queue-size': {
    what: 'What one connection may send before its document is loaded.',
    max: 'message-size',
    unit: 'bytes',
    why: 'One message; 64 KB more for what the same read from the socket may bring along.',
    refusal: byClose('limit-reached'),
    reason: 'too much before the document is loaded',
  },
  'held-refusals': {
    what: 'Refusals that repeat and are held back for up to 4 s, of all addresses; of one address, and of all, at most a tenth of the connections that there may be.',
    max: 1_000,
    unit: 'count',
    why: 'Each takes the place of a connection meanwhile; 250 a second are slowed down fully.',
    refusal: null,
    reason: '',
  },
  'access-checks-per-address': {
    what: 'Clients of one address that wait until the application (`--auth-url`) can be asked about them.',
    max: 1_000,
    unit: 'count',
    why: 'As many as may be connected from one address: an office that comes back at once.',
    refusal: byClose('limit-reached'),
    reason: 'too many access checks wait for your address',
  },
  'access-checks': {
    what: 'Clients of all addresses that wait until the application can be asked about them.',
    max: 5_000,
    unit: 'count',
    why: 'More could not be answered within 3 s, and nobody waits longer.',
    refusal: byClose('overloaded'),
    reason: 'server is busy, try again later',
  },
  'sync-requests': {
    what: 'SyncStep1 of one connection, 40 at once; the next answer waits.',
    max: 2,
    unit: 'per second',
    why: 'One per connect, or every few seconds (`resyncInterval`); an answer takes up to 25 ms.',
    refusal: null,
    reason: '',
  },
  'waiting-sync-requests': {
    what: 'SyncStep1 of one connection that wait for an answer.',
    max: 8,
    unit: 'count',
    why: 'Nobody asks again before the answer has come.',
    refusal: byClose('limit-reached'),
    reason: 'too many sync requests',
  },
  'waiting-probes': {
    what: 'Saved probes of one connection that wait.',
    max: 1_000,
    unit: 'count',
    why: 'A page asks after each edit at most.',
    refusal: byClose('limit-reached'),
    reason: 'too many probes wait',
  },
  'probe-size': {
    what: 'Payload of a saved probe.',
    max: 1_024,
    unit: 'bytes',
    why: 'It is a counter or a random id.',
    refusal: byClose('malformed'),
    reason: 'a probe is too large',
  },
  'presence-size': {
    what: 'One presence state, in JSON.',
    max: 16_384,
    unit: 'bytes',
    why: 'Name, color and selection take a few hundred.',
    refusal: byClose('malformed'),
    reason: 'a presence state is too large',
  },
  'presence-depth': {
    what: 'Levels of a presence state.',
    max: 64,
    unit: 'count',
    why: 'Clients compare states by recursion, which fails from a few thousand levels on; a cursor takes five.',
    refusal: byClose('malformed'),
    reason: 'a presence state is too deep',
  },
  'presence-entries': {
    what: 'Presence states in one message.',
    max: 5_000,
    unit: 'count',
    why: 'A client sends back what it receives: everybody in the document.',
    refusal: byClose('malformed'),
    reason: 'too many presence states',
  },
  'document-clients': {
    what: 'Client ids in one document.',
    max: 20_000,
    unit: 'count',
    why: 'A very old document has 10,000; beyond this, what one client says of all of it takes longer than the event loop may wait.',
    refusal: byClose('malformed'),
    reason: 'too many clients have written this document',
  },
  'value-depth': {
    what: 'Levels of one JSON value in a document.',
    max: 256,
    unit: 'count',
    why: 'Yjs reads and writes values by recursion, which fails from some 8,000 levels on.',
    refusal: byClose('malformed'),
    reason: 'a value nests too deep',
  },
  'type-depth': {
    what: 'Levels of shared types in a document, however they were written; counted in each update, and when a document is folded.',
    max: 100_000,
    unit: 'count',
    why: 'The thread that folds documents deletes nested types by recursion, and its stack holds as many levels.',
    refusal: byClose('malformed'),
    reason: 'shared types nest too deep',
  },
  'deleted-ranges': {
    what: 'Separate ranges of deleted clocks in one document or one update. A document that has as many takes deletions that make no more of them.',
    max: 500_000,
    unit: 'count',
    why: 'A browser holds a million items for such a document. The server goes through all of them at a time when a client comes back.',
    refusal: byClose('document-too-large'),
    reason: 'too many separate deletions in this document',
  },
  'waiting-edits': {
    what: 'Edits and deletions of one document that wait for missing edits, in memory.',
    max: 1024 * 1024,
    unit: 'bytes',
    why: 'Honest gaps close within a round trip and hold a few KB.',
    refusal: byClose('malformed'),
    reason: 'too many edits that build on missing ones',
  },
} as const satisfies Record<string, FixedLimit>;
