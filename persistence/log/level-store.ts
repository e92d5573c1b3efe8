import type { Level } from 'level';
import type { KeyRange, Record, RecordBatch, RecordStore } from './record-store.ts';

export type LevelDatabase = Level<Uint8Array, Uint8Array>;

/** What `level` has beyond its types, on Node. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

/** One chunk takes some 2 ms to handle. */
const chunkRecords = 1000;
const chunkBytes = 256 * 1024;

/** Records in LevelDB. */
export class LevelStore implements RecordStore {
  readonly #database: LevelDatabase;

  /** The database is open, and is closed with the store. */
  constructor(database: LevelDatabase) {
    this.#database = database;
  }

  /** A chained batch: 30 % faster than an array of operations, and it copies what it is given at once. */
  batch(): RecordBatch {
    return this.#database.batch();
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#database.getMany([...keys], { fillCache: false });
  }

  async *scan(range: KeyRange): AsyncIterable<readonly Record[]> {
    const iterator = this.#database.iterator({ ...range, fillCache: false, highWaterMarkBytes: chunkBytes });
    try {
      let records = await iterator.nextv(chunkRecords);
      while (records.length > 0) {
        yield records;
        records = await iterator.nextv(chunkRecords);
      }
    } finally {
      await iterator.close();
    }
  }

  async *scanKeys(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    const iterator = this.#database.keys({ ...range, fillCache: false, highWaterMarkBytes: chunkBytes });
    try {
      let keys = await iterator.nextv(chunkRecords);
      while (keys.length > 0) {
        yield keys;
        keys = await iterator.nextv(chunkRecords);
      }
    } finally {
      await iterator.close();
    }
  }

  reclaim({ gte, lt }: KeyRange): Promise<void> {
    return (this.#database as unknown as Compactable).compactRange(gte, lt);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
