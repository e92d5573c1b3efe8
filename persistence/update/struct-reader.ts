import { maxClock, Reader } from './reader.ts';
import { skipAny, skipDocOptions, skipJson } from './value.ts';

/** Limits for the content of an update. Yjs has no such limits. */
export interface ScanLimits {
  /** Clients with structs, and clients with deletions. 100,000 of them cost a Y.Doc 54 MB and half a second. */
  readonly maxClients: number;
  /** A struct becomes an object of some 150 bytes in a Y.Doc. */
  readonly maxStructs: number;
  /**
   * With more ranges, checking and storing the deletions of one update takes longer than a turn of the event loop may.
   */
  readonly maxDeletedRanges: number;
  /** Nesting depth of a JSON value. Yjs reads and writes values by recursion; its stack ends near 8,000. */
  readonly maxValueDepth: number;
  /**
   * Nesting depth of shared types inside one update. Over many updates they can nest to any depth, and such content
   * must also be accepted as one update. So the limit is the depth that a worker thread can delete when it folds.
   */
  readonly maxTypeDepth: number;
  /**
   * Whether structs may wait for each other. No client writes such an update, and it would be pending for ever. But two
   * forged updates together can form such a circle, and the stored state of a document then contains it.
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

/**
 * For updates that were scanned before they were stored, because a document may grow beyond the limits for one update.
 */
export const noScanLimits: ScanLimits = Object.freeze({
  maxClients: Infinity,
  maxStructs: Infinity,
  maxDeletedRanges: Infinity,
  maxValueDepth: Infinity,
  maxTypeDepth: Infinity,
  allowCircles: true,
});

/** The kinds of struct that are not items. All other numbers up to 9 give the content of an item. */
export const structKind = { gc: 0, json: 2, any: 8, skip: 10 } as const;

/** The bits of a struct's first byte that hold its kind, and the flags in the other bits. */
export const kindBits = 0x1f;
export const hasOrigin = 0x80;
export const hasRightOrigin = 0x40;
export const hasParentSub = 0x20;

/** Stands for an absent client id. */
export const noClient = -1;

/**
 * Reads the structs of an update (format V1) one by one into its own fields, as Yjs 13.6 does. Checks everything that
 * can be wrong with a single struct:
 *
 *     const reader = new StructReader(update);
 *     while (reader.nextClient()) while (reader.nextStruct()) use(reader.client, reader.clock, reader.length);
 *     // reader.pos is where the delete set begins
 */
export class StructReader extends Reader {
  readonly limits: ScanLimits;
  /** The current struct, whose clocks are [clock, clock + length). */
  client = noClient;
  clock = 0;
  length = 0;
  kind = 0;
  /** Byte offset at which the struct begins. It ends at `pos`. */
  start = 0;
  /** The ids that an item builds on. noClient if it has none. */
  originClient = noClient;
  originClock = 0;
  rightClient = noClient;
  rightClock = 0;
  parentClient = noClient;
  parentClock = 0;
  /** Structs of the current client that are still to be read. */
  structsLeft = 0;
  readonly clientCount: number;
  structCount = 0;
  #clientsLeft: number;
  /** The clock after the current client's last struct. */
  #next = 0;

  constructor(update: Uint8Array, limits: ScanLimits = defaultScanLimits) {
    super(update);
    this.limits = limits;
    // A client takes at least five bytes: a count, an id, a clock and a struct of two bytes.
    this.clientCount = this.readCount(5);
    if (this.clientCount > limits.maxClients) this.fail('too-many-clients');
    this.#clientsLeft = this.clientCount;
  }

  /** Moves to the next client. False after the last one. */
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
    // All Yjs versions write the highest client id first. mergeUpdates relies on this order and loses structs without
    // it.
    if (this.client > previous) this.fail('unsorted');
    this.#next = this.readClock();
    return true;
  }

  /** Reads the next struct of the current client. False after the last one. */
  nextStruct(): boolean {
    if (this.structsLeft === 0) return false;
    this.structsLeft--;
    this.start = this.pos;
    this.clock = this.#next;
    this.originClient = this.rightClient = this.parentClient = noClient;
    const info = this.readByte();
    this.kind = info & kindBits;
    if (this.kind === structKind.gc || this.kind === structKind.skip) {
      // Yjs's two readers disagree about such a struct if any other bit is set.
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
    // An item with a neighbour copies the parent from it.
    if ((info & (hasOrigin | hasRightOrigin)) !== 0) return;
    const parentIsRoot = this.readVarUint();
    if (parentIsRoot === 1) this.skipText();
    else if (parentIsRoot === 0) {
      this.parentClient = this.readVarUint();
      this.parentClock = this.#readLinkClock(this.parentClient);
    } else this.fail('bad-struct');
    if ((info & hasParentSub) !== 0) this.skipText();
  }

  /**
   * Rejects a struct that builds on itself or on a later one. Yjs does not check this and throws while it applies the
   * update.
   */
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
    // Array 0, Map 1, Text 2, XmlElement 3, XmlFragment 4, XmlHook 5, XmlText 6. XmlElement and XmlHook have a name.
    if (type > 6) this.fail('bad-struct');
    if (type === 3 || type === 5) this.skipText();
  }
}
