import { maxClock, Reader } from './reader.ts';
import { skipAny, skipDocOptions, skipJson } from './value.ts';

/** What an update may hold at most. Each bound is there because Yjs has none. */
export interface ScanLimits {
  /** Client ids with structs, and client ids with deletions. 100,000 of them cost a Y.Doc 54 MB and half a second. */
  readonly maxClients: number;
  /** A struct becomes an object of some 150 bytes in a Y.Doc. */
  readonly maxStructs: number;
  /** Beyond it, judging and keeping the deletions of one update takes longer than a turn of the event loop may. */
  readonly maxDeletedRanges: number;
  /** How deep a JSON value may nest. Yjs reads and writes values by recursion; its stack ends near 8,000. */
  readonly maxValueDepth: number;
  /**
   * How deep shared types may nest inside one update. Over many updates they nest as deep as people write them, and what was
   * written that way must be taken as one update, too: so the bound is what a worker thread can delete when it folds.
   */
  readonly maxTypeDepth: number;
  /**
   * Whether structs may wait for each other. Nobody writes such an update, and it would be pending for ever; but two
   * forged ones can come to it together, and then what is stored of a document holds it.
   */
  readonly allowCircles: boolean;
}

export const defaultScanLimits: ScanLimits = Object.freeze({
  maxClients: 50_000,
  maxStructs: 5_000_000,
  maxDeletedRanges: 500_000,
  maxValueDepth: 256,
  maxTypeDepth: 100_000,
  allowCircles: false,
});

/** For what was scanned before it was stored: a document may grow beyond what one update may bring. */
export const noScanLimits: ScanLimits = Object.freeze({
  maxClients: Infinity,
  maxStructs: Infinity,
  maxDeletedRanges: Infinity,
  maxValueDepth: Infinity,
  maxTypeDepth: Infinity,
  allowCircles: true,
});

/** The kinds of struct that are no items; every other number up to 9 says what an item contains. */
export const structKind = { gc: 0, skip: 10 } as const;

/** Bits of a struct's first byte, beside its kind. */
const hasOrigin = 0x80;
const hasRightOrigin = 0x40;
const hasParentSub = 0x20;

/** In place of a client id: there is none. */
export const noClient = -1;

/**
 * Reads the structs of an update (format V1) one by one, as Yjs 13.6 does, into its own fields, and checks everything
 * that a single struct can have wrong:
 *
 *     const reader = new StructReader(update);
 *     while (reader.nextClient()) while (reader.nextStruct()) use(reader.client, reader.clock, reader.length);
 *     // reader.pos is where the delete set begins
 */
export class StructReader extends Reader {
  readonly limits: ScanLimits;
  /** Of the current struct. Its clocks are [clock, clock + length). */
  client = noClient;
  clock = 0;
  length = 0;
  kind = 0;
  /** Byte offset at which the struct begins; it ends at `pos`. */
  start = 0;
  /** The ids that an item builds on; noClient where it has none. */
  originClient = noClient;
  originClock = 0;
  rightClient = noClient;
  rightClock = 0;
  parentClient = noClient;
  parentClock = 0;
  /** Structs of the current client that have not been read. */
  structsLeft = 0;
  readonly clientCount: number;
  structCount = 0;
  #clientsLeft: number;
  /** Where the current client's structs have come to. */
  #next = 0;

  constructor(update: Uint8Array, limits: ScanLimits = defaultScanLimits) {
    super(update);
    this.limits = limits;
    // A client takes five bytes: a count, an id, a clock and a struct of two.
    this.clientCount = this.readCount(5);
    if (this.clientCount > limits.maxClients) this.fail('too-many-clients');
    this.#clientsLeft = this.clientCount;
  }

  /** Goes to the next client. False after the last. */
  nextClient(): boolean {
    if (this.#clientsLeft === 0) return false;
    const previous = this.#clientsLeft === this.clientCount ? Infinity : this.client;
    this.#clientsLeft--;
    const count = this.readCount(2);
    if (count === 0) this.fail('bad-struct');
    this.structsLeft = count;
    this.structCount += count;
    if (this.structCount > this.limits.maxStructs) this.fail('too-many-structs');
    this.client = this.readVarUint();
    if (this.client === previous) this.fail('repeated-client');
    // Every Yjs writes the highest client id first, and mergeUpdates relies on it: from anything else it loses structs.
    if (this.client > previous) this.fail('unsorted');
    this.#next = this.readClock();
    return true;
  }

  /** Reads the next struct of the current client. False after the last. */
  nextStruct(): boolean {
    if (this.structsLeft === 0) return false;
    this.structsLeft--;
    this.start = this.pos;
    this.clock = this.#next;
    this.originClient = this.rightClient = this.parentClient = noClient;
    const info = this.readByte();
    this.kind = info & 0x1f;
    if (this.kind === structKind.gc || this.kind === structKind.skip) {
      // Yjs's two readers disagree about such a struct with any other bit set.
      if (info !== this.kind) this.fail('bad-struct');
      this.length = this.readClock();
    } else {
      this.#readLinks(info);
      this.length = this.#readContent(this.kind);
    }
    if (this.length === 0) this.fail('empty-struct');
    this.#next = this.clock + this.length;
    if (this.#next > maxClock) this.fail('number-too-large');
    return true;
  }

  #readLinks(info: number): void {
    if ((info & hasOrigin) !== 0) {
      this.originClient = this.readVarUint();
      this.originClock = this.#readLinkClock(this.originClient);
    }
    if ((info & hasRightOrigin) !== 0) {
      this.rightClient = this.readVarUint();
      this.rightClock = this.#readLinkClock(this.rightClient);
    }
    // With a neighbour, the parent is copied from it.
    if ((info & (hasOrigin | hasRightOrigin)) !== 0) return;
    const parentIsRoot = this.readVarUint();
    if (parentIsRoot === 1) this.skipText();
    else if (parentIsRoot === 0) {
      this.parentClient = this.readVarUint();
      this.parentClock = this.#readLinkClock(this.parentClient);
    } else this.fail('bad-struct');
    if ((info & hasParentSub) !== 0) this.skipText();
  }

  /** Nothing builds on itself or on what comes after it. Yjs does not look, and throws half-way through applying. */
  #readLinkClock(client: number): number {
    const clock = this.readClock();
    if (client === this.client && clock >= this.clock) this.fail('bad-origin');
    return clock;
  }

  /** Returns the length of the content, in clocks. The numbers are those of `contentRefs` in Yjs. */
  #readContent(kind: number): number {
    const { maxValueDepth } = this.limits;
    switch (kind) {
      case 1: // Deleted
        return this.readClock();
      case 2: {
        // JSON, a list of it
        const count = this.readCount(1);
        for (let left = count; left > 0; left--) skipJson(this, maxValueDepth, true);
        return count;
      }
      case 3: // Binary
        this.skipBuffer();
        return 1;
      case 4: // String
        return this.skipText();
      case 5: // Embed
        skipJson(this, maxValueDepth, false);
        return 1;
      case 6: // Format: a key and its value
        this.skipText();
        skipJson(this, maxValueDepth, false);
        return 1;
      case 7: // Type
        this.#readType();
        return 1;
      case 8: {
        // Any, a list of values
        const count = this.readCount(1);
        for (let left = count; left > 0; left--) skipAny(this, maxValueDepth);
        return count;
      }
      case 9: // Doc: its guid and options
        this.skipText();
        skipDocOptions(this, maxValueDepth);
        return 1;
      default:
        return this.fail('bad-struct');
    }
  }

  #readType(): void {
    const type = this.readVarUint();
    // Array 0, Map 1, Text 2, XmlElement 3, XmlFragment 4, XmlHook 5, XmlText 6. Two of them have a name.
    if (type > 6) this.fail('bad-struct');
    if (type === 3 || type === 5) this.skipText();
  }
}
