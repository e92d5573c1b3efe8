import type { DocumentLog, Entry } from '../../../persistence/update-log.ts';
import type { Numbers } from '../../../persistence/update/delete-set.ts';
import { mergeInLevels, trimDeletes } from '../../../persistence/update/merge.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { encodeRuns } from '../../../persistence/update/encoded-runs.ts';
import { noScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { limitReached } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';
import { Knowledge } from './knowledge.ts';
import type { LoadedDocument } from './load-document.ts';
import type { OldCopies } from './old-copies.ts';
import type { SyncStats } from '../stats.ts';
import type { UnsavedAuthor, UnsavedEdits } from './unsaved-edits.ts';

const maxWaitingBytes = fixedLimits['waiting-edits'].max;
/** Must stay below the scan's limit on clients, or a client that holds the whole document could not send it. */
export const maxDocumentClients = fixedLimits['document-clients'].max;
const maxDeletedRanges = fixedLimits['deleted-ranges'].max;
/** By how much folding grows a document for each separate deleted range: the item that held the range becomes three. */
const deletedRangeBytes = 24;
/** Deletions may make a full document larger, by up to this share of its limit. */
const deletionAllowance = 1 / 8;

/**
 * The result of submitting an update:
 * - `appended`: it is in the log, and durable when `durableSeq` reaches `acceptedSeq`
 * - `appended-with-gap`: the same, but it waits for missing edits
 * - `known`: it holds nothing new, and the original is durable when `durableSeq` reaches `acceptedSeq`
 * - `known-waiting`: it holds nothing new, but part of it waits for missing edits
 * - `gap`: it was not accepted, because it builds on missing edits
 */
export type Submission = 'appended' | 'appended-with-gap' | 'known' | 'known-waiting' | 'gap';

/** The sender of an update. */
export interface Author extends UnsavedAuthor {
  readonly userId: string;
  /** How many new client ids this author may still bring into the document. `submit` counts them down. */
  newClientsLeft: number;
}

/** Size of a document and its limit, in bytes. */
export interface DocumentSize {
  readonly bytes: number;
  readonly maxBytes: number;
}

/**
 * The input side of a room. Compares updates with what the room knows, appends new ones to the log, and tracks them
 * until they are durable.
 */
export class Intake {
  readonly #stats: SyncStats;
  readonly #unsaved: UnsavedEdits;
  #log: DocumentLog | null = null;
  /** Everything that is in the log, durable or not. Duplicates and gaps are judged by it. */
  #accepted = Knowledge.empty();
  /**
   * Everything that is durable, which is what joining clients are told. The same object as `#accepted` until the first
   * edit, because most open documents are only read.
   */
  #durable = this.#accepted;
  /** The entries that are not durable yet, in order. */
  #inFlight: { readonly entry: Entry; readonly facts: UpdateFacts; readonly author: Author }[] = [];
  #oldCopies: OldCopies | null = null;
  /** Number of deleted ranges when the document was last folded. The size of the document includes them. */
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

  /** The sequence number of the last entry that was appended to the log. */
  get acceptedSeq(): number {
    return this.#acceptedSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** Everything that is on disk. Read only. */
  get durable(): Knowledge {
    return this.#durable;
  }

  /** All appended entries are durable. */
  get isSettled(): boolean {
    return this.#inFlight.length === 0;
  }

  get oldCopies(): OldCopies | null {
    return this.#oldCopies;
  }

  /** The document has no entry, neither on disk nor on its way there. */
  get isEmpty(): boolean {
    return this.#acceptedSeq === 0;
  }

  /** The client ids of all writers. */
  get clients(): number[] {
    return this.#accepted.clients;
  }

  /** Whether the update holds nothing new. */
  knows(facts: UpdateFacts): boolean {
    return this.#accepted.judge(facts) === 'duplicate';
  }

  /** Whether all of the update has integrated, so that none of it waits for missing edits. */
  integrates(facts: UpdateFacts): boolean {
    return this.#accepted.integrates(facts);
  }

  /** Whether everything that a client wrote before this clock has integrated. */
  hasIntegrated(client: number, clock: number): boolean {
    return (this.#accepted.stateVector.get(client) ?? 0) >= clock;
  }

  /** Approximate memory use. */
  get memoryBytes(): number {
    return this.#accepted.memoryBytes + (this.#durable === this.#accepted ? 0 : this.#durable.memoryBytes);
  }

  /** Like `Room.submit`. A full document accepts only deletions. */
  submit(update: Uint8Array, facts: UpdateFacts, isSyncStep2: boolean, author: Author, size: DocumentSize): Submission {
    const stats = this.#stats;
    stats.updateBytesIn += update.length;
    this.#oldCopies?.checkUpdate(facts);
    const verdict = this.#accepted.judge(facts);
    if (verdict === 'duplicate') {
      stats.updatesKnown++;
      return this.#accepted.integrates(facts) ? 'known' : 'known-waiting';
    }
    if (verdict === 'gap' && !isSyncStep2) {
      stats.updatesWithGap++;
      return 'gap';
    }
    if (facts.intervals.length > 0 && size.bytes >= size.maxBytes) throw limitReached('document-size');
    const added = this.#accepted.addedClients(facts);
    if (added > 0 && this.#accepted.clientCount + added > maxDocumentClients) {
      throw limitReached('document-clients');
    }
    if (added > author.newClientsLeft) throw limitReached('new-clients');
    if (verdict === 'gap') {
      if (this.#accepted.waitingBytes + this.#accepted.waitingBytesOf(facts) > maxWaitingBytes) {
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
   * Throws RefusedError if these deletions exceed the limit on deleted ranges or on the size of the document. Deletions
   * that join ranges, or that free at least as much as their ranges take, are always accepted. The cheap first check,
   * with an upper bound, is nearly always enough.
   */
  #checkDeletions(newDeletes: Numbers, size: DocumentSize): void {
    const accepted = this.#accepted;
    const maxBytes = size.maxBytes * (1 + deletionAllowance);
    const grownBytes = size.bytes + Math.max(0, accepted.deletedRanges - this.#foldedRanges) * deletedRangeBytes;
    const atMost = newDeletes.length / 3;
    const isWithin = (added: number): boolean => accepted.deletedRanges + added <= maxDeletedRanges;
    if (isWithin(atMost) && grownBytes + atMost * deletedRangeBytes <= maxBytes) return;
    const added = accepted.addedRanges(newDeletes);
    if (added <= 0) return;
    if (!isWithin(added)) throw limitReached('deleted-ranges');
    // A clock holds a byte or more.
    const growth = added * deletedRangeBytes - clocksOf(newDeletes);
    if (growth > 0 && grownBytes + growth > maxBytes) throw limitReached('document-size');
  }

  #append(update: Uint8Array, facts: UpdateFacts, newDeletes: Numbers, author: Author): void {
    // A client that reconnects sends the whole delete set again. The known part of it is not stored again.
    const stored = newDeletes === facts.deletes ? update.slice() : trimDeletes(update, facts, newDeletes);
    const entry = this.#log!.append(stored, author.userId);
    if (this.#durable === this.#accepted) this.#durable = this.#accepted.clone();
    this.#accepted.add(facts, stored);
    this.#inFlight.push({ entry, facts, author });
    this.#unsaved.add(stored, author);
    this.#acceptedSeq = entry.seq;
  }

  /**
   * An entry is durable, from this room or another writer. Returns the updates that must be sent to the peers: its own,
   * and one with the structs that had waited for it. Yjs does not always notice that pending structs can integrate: it
   * remembers one missing clock per client, and the clock of a later struct can hide that of an earlier one.
   */
  committed(entry: Entry): Uint8Array[] {
    const own = this.#inFlight[0]?.entry === entry ? this.#inFlight.shift()! : null;
    if (own !== null) this.#unsaved.remove(entry.update, own.author);
    const facts = own === null ? scanUpdate(entry.update, noScanLimits) : own.facts;
    const released = this.#durable.add(facts, entry.update);
    this.#durableSeq = entry.seq;
    // The limit `waiting-edits` keeps released runs few. As one update they integrate at the same time.
    return released.length === 0 ? [entry.update] : [entry.update, mergeInLevels(encodeRuns(released))];
  }

  /**
   * The document has been folded. Takes the delete set (V1), because garbage collection deletes more than the log says.
   */
  folded(deleteSet: Uint8Array): void {
    const adopted = RangeSet.decodeDeleteSet(deleteSet);
    this.#accepted.adoptDeletes(adopted);
    if (this.#durable !== this.#accepted) this.#durable.adoptDeletes(adopted);
    this.#foldedRanges = adopted.rangeCount;
  }

  /** The log has failed: the entries in flight may never become durable, and no longer count as unsaved. */
  abandon(): void {
    for (const { entry, author } of this.#inFlight) this.#unsaved.remove(entry.update, author);
    this.#inFlight = [];
  }
}

/** Number of clocks in flat triples client, start, end. */
function clocksOf(flat: Numbers): number {
  let clocks = 0;
  for (let i = 0; i < flat.length; i += 3) clocks += (flat[i + 2] as number) - (flat[i + 1] as number);
  return clocks;
}
