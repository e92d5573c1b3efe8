/** Reads LevelDB's MANIFEST: a record file of edits to the set of files that make up the database. */
import { createDecoder, hasContent, readVarUint, readVarUint8Array } from 'lib0/decoding';
import type { Decoder } from 'lib0/decoding';
import { userKeyOf } from './table-block.ts';

/** A table (`.ldb` file) of the database. */
export interface TableEntry {
  readonly number: number;
  /** LevelDB reads this many bytes of the file and ignores the rest. */
  readonly size: number;
  /** The first and the last key in the table, without LevelDB's suffix. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** Reads the edits of a MANIFEST in order. */
export class ManifestReader {
  /** Log files with a smaller number are obsolete. 0 in a database that has not been opened since it was created. */
  logNumber = 0;
  /** Tables by number. */
  readonly tables = new Map<number, TableEntry>();

  /** Applies one edit. Throws if the bytes are not an edit. */
  apply(edit: Uint8Array): void {
    const decoder = createDecoder(edit);
    while (hasContent(decoder)) this.#applyField(decoder, readVarUint(decoder));
  }

  #applyField(decoder: Decoder, tag: number): void {
    switch (tag) {
      case 1: // The name of the comparator.
        readVarUint8Array(decoder);
        return;
      case 2:
        this.logNumber = readVarUint(decoder);
        return;
      case 3: // The next file number.
      case 4: // The last sequence number.
      case 9: // The number of the previous log, obsolete since 2011.
        readVarUint(decoder);
        return;
      case 5: // Where the next compaction of a level begins.
        readVarUint(decoder);
        readVarUint8Array(decoder);
        return;
      case 6: // A table is obsolete: level and number.
        readVarUint(decoder);
        this.tables.delete(readVarUint(decoder));
        return;
      case 7: // A new table: level, number, size, smallest and largest key.
        readVarUint(decoder);
        this.#add(decoder);
        return;
      default:
        throw new Error(`unknown tag ${tag}`);
    }
  }

  #add(decoder: Decoder): void {
    const number = readVarUint(decoder);
    const size = readVarUint(decoder);
    const smallest = userKeyOf(readVarUint8Array(decoder));
    const largest = userKeyOf(readVarUint8Array(decoder));
    this.tables.set(number, { number, size, smallest, largest });
  }
}
