import type { DocumentLog, Entry } from '../../../persistence/update-log.ts';
import type { Numbers } from '../../../persistence/update/delete-set.ts';
import { mergeInLevels, trimDeletes } from '../../../persistence/update/merge.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { encodeRuns } from '../../../persistence/update/encoded-runs.ts';
import { noScanLimits, scanUpdate, type UpdateFacts } from '../../../persistence/update/scan.ts';
import { fixedLimits, limitReached } from '../../limits/limits.ts';
import { Knowledge } from './knowledge.ts';
import type { LoadedDocument } from './load-document.ts';
import type { OldCopies } from './old-copies.ts';
import type { SyncStats } from '../stats.ts';
import type { UnsavedAuthor, UnsavedEdits } from './unsaved-edits.ts';

const MAX_WAITING_BYTES = fixedLimits['waiting-edits'].max;
/** Must stay below the scan's limit on clients, or a client that holds the whole document could not send it. */
export const MAX_DOCUMENT_CLIENTS = fixedLimits['document-clients'].max;
const MAX_DELETED_RANGES = fixedLimits['deleted-ranges'].max;
/** By how much folding grows a document for each range that is deleted apart from others: the item that held it becomes three. */
const DELETED_RANGE_BYTES = 24;
/** A full document takes deletions that make it larger up to this share of its limit. */
const DELETION_ALLOWANCE = 1 / 8;

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
export interface Author extends UnsavedAuthor {
  readonly userId: string;
  /** Client ids that this author may still bring into the document; kept by `submit`. */
  newClientsLeft: number;
}

/** How large a document is, and may become, in bytes. */
export interface DocumentSize {
  readonly bytes: number;
  readonly maxBytes: number;
}

/** What a room takes in: judges updates by what is known, hands them to the log, and follows them until they are durable. */
export class Intake {
  readonly #stats: SyncStats;
  readonly #unsaved: UnsavedEdits;
  #log: DocumentLog | null = null;
  /** Handed to the log; judges duplicates and gaps. */
  #accepted = Knowledge.empty();
  /** Committed; what joining clients are told. The same as `#accepted` until the first edit: most open documents are read. */
  #durable = this.#accepted;
  /** The entries that are on their way to the disk, in order. */
  #inFlight: { readonly entry: Entry; readonly facts: UpdateFacts; readonly author: Author }[] = [];
  #oldCopies: OldCopies | null = null;
  /** Deleted ranges when the document was last folded: the size of the document counts them. */
  #foldedRanges = 0;
  #acceptedSeq = 0;
  #durableSeq = 0;

  constructor(stats: SyncStats, unsaved: UnsavedEdits) {
    this.#stats = stats;
    this.#unsaved = unsaved;
  }

  /** The document is loaded, with `seq` as its last entry. To be called once, before all other methods. */
  loaded(log: DocumentLog, { knowledge: stored, seq, oldCopies }: LoadedDocument): void {
    this.#oldCopies = oldCopies;
    this.#log = log;
    this.#accepted = stored;
    this.#durable = stored;
    this.#foldedRanges = stored.deletedRanges;
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

  /** Whether everything in the update has integrated, so that nothing of it waits for missing edits. */
  integrates(facts: UpdateFacts): boolean {
    return this.#accepted.integrates(facts);
  }

  /** Whether what a client wrote before this clock has integrated. */
  hasIntegrated(client: number, clock: number): boolean {
    return (this.#accepted.stateVector.get(client) ?? 0) >= clock;
  }

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    return this.#accepted.memoryBytes + (this.#durable === this.#accepted ? 0 : this.#durable.memoryBytes);
  }

  /** As `Room.submit`. A document that is full takes nothing but deletions. */
  submit(update: Uint8Array, facts: UpdateFacts, answer: boolean, author: Author, size: DocumentSize): Submission {
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
    if (facts.intervals.length > 0 && size.bytes >= size.maxBytes) throw limitReached('document-size');
    const added = this.#accepted.addedClients(facts);
    if (added > 0 && this.#accepted.clientCount + added > MAX_DOCUMENT_CLIENTS) {
      throw limitReached('document-clients');
    }
    if (added > author.newClientsLeft) throw limitReached('new-clients');
    if (verdict === 'gap') {
      if (this.#accepted.waitingBytes + this.#accepted.waitingBytesOf(facts) > MAX_WAITING_BYTES) {
        throw limitReached('waiting-edits');
      }
      stats.gapsStored++;
    }
    const newDeletes = this.#accepted.newDeletes(facts);
    if (newDeletes.length > 0) this.#checkDeletions(newDeletes, size);
    this.#append(update, facts, newDeletes, author);
    author.newClientsLeft -= added;
    stats.updatesAppended++;
    return verdict === 'gap' ? 'appended-with-gap' : 'appended';
  }

  /**
   * Throws RefusedError if these deletions make more ranges, or a larger document, than there may be. Deletions that join
   * ranges, or free at least as much as their ranges take, are always in bounds. Mostly the first look is enough.
   */
  #checkDeletions(newDeletes: Numbers, size: DocumentSize): void {
    const accepted = this.#accepted;
    const maxBytes = size.maxBytes * (1 + DELETION_ALLOWANCE);
    const grownBytes = size.bytes + Math.max(0, accepted.deletedRanges - this.#foldedRanges) * DELETED_RANGE_BYTES;
    const atMost = newDeletes.length / 3;
    const isWithin = (added: number): boolean => accepted.deletedRanges + added <= MAX_DELETED_RANGES;
    if (isWithin(atMost) && grownBytes + atMost * DELETED_RANGE_BYTES <= maxBytes) return;
    const added = accepted.addedRanges(newDeletes);
    if (added <= 0) return;
    if (!isWithin(added)) throw limitReached('deleted-ranges');
    // A clock holds a byte or more.
    const growth = added * DELETED_RANGE_BYTES - clocksOf(newDeletes);
    if (growth > 0 && grownBytes + growth > maxBytes) throw limitReached('document-size');
  }

  #append(update: Uint8Array, facts: UpdateFacts, newDeletes: Numbers, author: Author): void {
    // A client that reconnects sends the whole delete set again: what is known of it is not stored again.
    const stored = newDeletes === facts.deletes ? update.slice() : trimDeletes(update, facts, newDeletes);
    const entry = this.#log!.append(stored, author.userId);
    if (this.#durable === this.#accepted) this.#durable = this.#accepted.clone();
    this.#accepted.add(facts, stored);
    this.#inFlight.push({ entry, facts, author });
    this.#unsaved.add(stored, author);
    this.#acceptedSeq = entry.seq;
  }

  /**
   * An entry is durable, whoever appended it. Returns what must be sent to whoever follows: its update, and with it what
   * waited for it. Yjs alone does not always see that what it keeps pending could integrate: of each client it remembers
   * one missing clock, and that of a later struct may hide an earlier one.
   */
  committed(entry: Entry): Uint8Array[] {
    const ours = this.#inFlight[0]?.entry === entry ? this.#inFlight.shift()! : null;
    if (ours !== null) this.#unsaved.remove(entry.update, ours.author);
    const facts = ours === null ? scanUpdate(entry.update, noScanLimits) : ours.facts;
    const released = this.#durable.add(facts, entry.update);
    this.#durableSeq = entry.seq;
    // Released runs are few (`waiting-edits`). As one update all of it integrates at once.
    return released.length === 0 ? [entry.update] : [entry.update, mergeInLevels(encodeRuns(released))];
  }

  /** The document has been folded. Garbage collection deletes more than the log says: a delete set of format V1. */
  folded(deleteSet: Uint8Array): void {
    const adopted = RangeSet.decodeDeleteSet(deleteSet);
    this.#accepted.adoptDeletes(adopted);
    if (this.#durable !== this.#accepted) this.#durable.adoptDeletes(adopted);
    this.#foldedRanges = adopted.rangeCount;
  }

  /** What is in flight may never be durable: nothing more is heard of it. */
  abandon(): void {
    for (const { entry, author } of this.#inFlight) this.#unsaved.remove(entry.update, author);
    this.#inFlight = [];
  }
}

/** How many clocks flat triples client, start, end hold. */
function clocksOf(flat: Numbers): number {
  let clocks = 0;
  for (let i = 0; i < flat.length; i += 3) clocks += (flat[i + 2] as number) - (flat[i + 1] as number);
  return clocks;
}
