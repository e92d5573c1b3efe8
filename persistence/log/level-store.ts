import type { Level } from 'level';
import { DamagedStoreError, LogError } from '../errors.ts';
import type { KeyRange, RecordBatch, RecordStore } from './record-store.ts';

export type LevelDatabase = Level<Uint8Array, Uint8Array>;

/** What `level` has beyond its types, on Node. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

/** One chunk takes some 2 ms to handle. */
const chunkRecords = 500;
const scanOptions = { fillCache: false, highWaterMarkBytes: 256 * 1024 };

/** Keys or values of an iterator of `level`. */
interface Chunks {
  nextv(size: number): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

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
    return reading(() => this.#database.getMany([...keys], { fillCache: false }));
  }

  scanValuesBackwards(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    return chunksOf(this.#database.values({ ...range, ...scanOptions, reverse: true }));
  }

  scanKeys(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    return chunksOf(this.#database.keys({ ...range, ...scanOptions }));
  }

  reclaim({ gte, lt }: KeyRange): Promise<void> {
    return (this.#database as unknown as Compactable).compactRange(gte, lt);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

async function* chunksOf(iterator: Chunks): AsyncIterable<readonly Uint8Array[]> {
  try {
    let chunk = await reading(() => iterator.nextv(chunkRecords));
    while (chunk.length > 0) {
      yield chunk;
      chunk = await reading(() => iterator.nextv(chunkRecords));
    }
  } finally {
    await iterator.close();
  }
}

/** Turns what LevelDB says of a failed read into an error of this program. */
async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'LEVEL_CORRUPTION') throw new DamagedStoreError(message, { cause });
    if (code === 'LEVEL_IO_ERROR')
      throw new LogError('LOG_UNREADABLE', `The disk cannot be read: ${message}`, { cause });
    throw cause;
  }
}
