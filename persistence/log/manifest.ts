/** What LevelDB's MANIFEST says: a record file of edits to the set of files that are the database. */
import { createDecoder, hasContent, readVarUint, readVarUint8Array, type Decoder } from 'lib0/decoding';

/** Reads the edits of a MANIFEST in order. */
export class ManifestReader {
  /** Log files with a smaller number are obsolete. 0 in a database that was never opened after it was created. */
  logNumber = 0;
  /** The numbers of the tables. */
  readonly tables = new Set<number>();

  /** Applies one edit. Throws if the bytes are none. */
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
      case 9: // The number of a log before, obsolete since 2011.
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
        this.tables.add(readVarUint(decoder));
        readVarUint(decoder);
        readVarUint8Array(decoder);
        readVarUint8Array(decoder);
        return;
      default:
        throw new Error(`unknown tag ${tag}`);
    }
  }
}
