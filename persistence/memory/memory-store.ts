import type { KeyRange, RecordBatch, RecordStore } from '../engine/record-store.ts';

interface Change {
  /** The key with one character per byte, which sorts like the bytes. */
  readonly key: string;
  /** Null deletes the key. */
  readonly value: Uint8Array | null;
}

const chunkRecords = 1000;

/** Records in memory. A write completes in a later turn of the event loop, like a write to a disk. */
export class MemoryStore implements RecordStore {
  readonly #values = new Map<string, Uint8Array>();
  /** All keys, sorted. */
  readonly #keys: string[] = [];

  batch(): RecordBatch {
    const changes: Change[] = [];
    return {
      put: (key, value) => changes.push({ key: textOf(key), value: new Uint8Array(value) }),
      del: (key) => changes.push({ key: textOf(key), value: null }),
      write: () =>
        new Promise((resolve) => {
          setImmediate(() => {
            for (const change of changes) this.#apply(change);
            resolve();
          });
        }),
    };
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.resolve(
      keys.map((key) => {
        const value = this.#values.get(textOf(key));
        return value === undefined ? undefined : new Uint8Array(value);
      }),
    );
  }

  async *scanValues(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    for await (const keys of this.scanKeys(range)) {
      const values = await this.getMany(keys);
      yield values.filter((value) => value !== undefined);
    }
  }

  async *scanValuesBackwards(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    const chunks: (readonly Uint8Array[])[] = [];
    for await (const keys of this.scanKeys(range)) chunks.unshift(keys);
    for (const keys of chunks) {
      const values = await this.getMany(keys.toReversed());
      yield values.filter((value) => value !== undefined);
    }
  }

  async *scanKeys(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    const found = this.#keys.slice(this.#position(textOf(range.gte)), this.#position(textOf(range.lt)));
    for (let from = 0; from < found.length; from += chunkRecords) {
      yield found.slice(from, from + chunkRecords).map((key) => Buffer.from(key, 'latin1'));
    }
  }

  reclaim(_range: KeyRange): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #apply({ key, value }: Change): void {
    if (value === null) {
      if (this.#values.delete(key)) this.#keys.splice(this.#position(key), 1);
      return;
    }
    if (!this.#values.has(key)) this.#keys.splice(this.#position(key), 0, key);
    this.#values.set(key, value);
  }

  /** The index at which the key is or would be inserted. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
