import type { DocumentLog, Entry } from '../../persistence/log/update-log.ts';
import { trimDeletes } from '../../persistence/update/merge.ts';
import { encodeRuns } from '../../persistence/update/encoded-runs.ts';
import { noScanLimits, scanUpdate, type UpdateFacts } from '../../persistence/update/scan.ts';
import { fixedLimits, limitReached } from '../limits.ts';
import { Knowledge } from './knowledge.ts';
import type { LoadedDocument } from './load-document.ts';
import type { OldCopies } from './old-copies.ts';
import type { SyncStats } from './stats.ts';

const MAX_WAITING_BYTES = fixedLimits['waiting-edits'].max;
/** Below what one update may name, or the clients that have all of it could not tell us. */
export const MAX_DOCUMENT_CLIENTS = fixedLimits['document-clients'].max;
/** What a struct that waits may take in memory, beside its bytes (WaitingRuns). */
const WAITING_STRUCT_BYTES = 128;

/**
 * What became of a submitted update:
 * - `appended`: in the log; durable when `durableSeq` reaches `acceptedSeq`
 * - `appended-with-gap`: the same, but it waits for edits that are missing
 * - `known`: nothing new; the original is durable when `durableSeq` reaches `acceptedSeq`
 * - `known-waiting`: nothing new, but part of it waits for edits that are missing
 * - `gap`: not taken, because it builds on edits that are missing
 */
export type Submission = 'appended' | 'appended-with-gap' | 'known' | 'known-waiting' | 'gap';

/** Whoever sends updates. */
export interface Author {
  readonly userId: string;
  /** Client ids that this author may still bring into the document; kept by `submit`. */
  newClientsLeft: number;
}

/** What a room takes in: judges updates by what is known, hands them to the log, and follows them until they are durable. */
export class Intake {
  readonly #stats: SyncStats;
  #log: DocumentLog | null = null;
  /** Handed to the log; judges duplicates and gaps. */
  #accepted = Knowledge.empty();
  /** Committed; what joining clients are told. The same as `#accepted` until the first edit: most open documents are read. */
  #durable = this.#accepted;
  /** Facts of the entries that are on their way to the disk, in order. */
  #inFlight: { readonly entry: Entry; readonly facts: UpdateFacts }[] = [];
  #oldCopies: OldCopies | null = null;
  #acceptedSeq = 0;
  #durableSeq = 0;

  constructor(stats: SyncStats) {
    this.#stats = stats;
  }

  /** Begins with what is stored up to `seq`. To be called once, before anything else. */
  start(log: DocumentLog, { knowledge: stored, seq, oldCopies }: LoadedDocument): void {
    this.#oldCopies = oldCopies;
    this.#log = log;
    this.#accepted = stored;
    this.#durable = stored;
    this.#acceptedSeq = seq;
    this.#durableSeq = seq;
  }

  /** The last sequence number handed to the log. */
  get acceptedSeq(): number {
    return this.#acceptedSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** What is known to be on disk. Read only. */
  get durable(): Knowledge {
    return this.#durable;
  }

  /** Something that was handed to the log waits for edits that are missing. */
  get hasGap(): boolean {
    return this.#accepted.hasGap;
  }

  /** Nothing is on its way to the disk. */
  get isSettled(): boolean {
    return this.#inFlight.length === 0;
  }

  get oldCopies(): OldCopies | null {
    return this.#oldCopies;
  }

  /** Nobody has ever written anything that is still there. */
  get isEmpty(): boolean {
    return this.#acceptedSeq === 0;
  }

  /** Everybody who has written. */
  get clients(): number[] {
    return this.#accepted.clients;
  }

  /** Nothing new in it that is not known. */
  knows(facts: UpdateFacts): boolean {
    return this.#accepted.judge(facts) === 'duplicate';
  }

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    return this.#accepted.memoryBytes + (this.#durable === this.#accepted ? 0 : this.#durable.memoryBytes);
  }

  /** As `Room.submit`. A document that is full takes only what brings nothing but deletions. */
  submit(update: Uint8Array, facts: UpdateFacts, answer: boolean, author: Author, isFull: boolean): Submission {
    const stats = this.#stats;
    stats.updateBytesIn += update.length;
    this.#oldCopies?.checkUpdate(facts);
    const verdict = this.#accepted.judge(facts);
    if (verdict === 'duplicate') {
      stats.updatesKnown++;
      return this.#accepted.integrates(facts) ? 'known' : 'known-waiting';
    }
    if (verdict === 'gap' && !answer) {
      stats.updatesWithGap++;
      return 'gap';
    }
    if (isFull && facts.intervals.length > 0) throw limitReached('document-size');
    const added = this.#accepted.addedClients(facts);
    if (added > 0 && this.#accepted.clientCount + added > MAX_DOCUMENT_CLIENTS) {
      throw limitReached('document-clients');
    }
    if (added > author.newClientsLeft) throw limitReached('new-clients');
    if (verdict === 'gap') {
      const bytes = update.length + facts.structCount * WAITING_STRUCT_BYTES;
      if (this.#accepted.waitingBytes + bytes > MAX_WAITING_BYTES) {
        throw limitReached('waiting-edits');
      }
      stats.gapsStored++;
    }
    this.#append(update, facts, author.userId);
    author.newClientsLeft -= added;
    stats.updatesAppended++;
    return verdict === 'gap' ? 'appended-with-gap' : 'appended';
  }

  #append(update: Uint8Array, facts: UpdateFacts, userId: string): void {
    // Every client that reconnects sends the whole delete set again: what is known of it goes no further.
    const stored =
      facts.deletes.length === 0 ? update.slice() : trimDeletes(update, facts, this.#accepted.newDeletes(facts));
    const entry = this.#log!.append(stored, userId);
    if (this.#durable === this.#accepted) this.#durable = this.#accepted.clone();
    this.#accepted.add(facts, stored);
    this.#inFlight.push({ entry, facts });
    this.#acceptedSeq = entry.seq;
  }

  /**
   * An entry is durable, whoever appended it. Returns what must be sent to whoever follows: its update, and with it what
   * waited for it. Yjs alone does not always see that what it keeps pending could integrate: of each client it remembers
   * one missing clock, and that of a later struct may hide an earlier one.
   */
  committed(entry: Entry): Uint8Array[] {
    const isOurs = this.#inFlight[0]?.entry === entry;
    const facts = isOurs ? this.#inFlight.shift()!.facts : scanUpdate(entry.update, noScanLimits);
    const released = this.#durable.add(facts, entry.update);
    this.#durableSeq = entry.seq;
    return [entry.update, ...encodeRuns(released)];
  }

  /** More is deleted than the log says: garbage collection has found it. In the encoding of Yjs (V1). */
  adoptDeletes(deleteSet: Uint8Array): void {
    this.#accepted.adoptDeletes(deleteSet);
    if (this.#durable !== this.#accepted) this.#durable.adoptDeletes(deleteSet);
  }

  /** What is in flight may never be durable: nothing more is heard of it. */
  abandon(): void {
    this.#inFlight = [];
  }
}
