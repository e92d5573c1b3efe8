import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { decodeStateVector } from '../../../persistence/update/state-vector.ts';
import { RefusedError } from '../../errors.ts';

/**
 * Tells copies of a document's deleted generations, by the clients that have written those: client ids are random, so
 * nobody else has them. What such a copy sends would bring back what was deleted.
 */
export class OldCopies {
  readonly #clients: ReadonlySet<number>;

  constructor(deletedClients: ReadonlySet<number>) {
    this.#clients = deletedClients;
  }

  /** Throws RefusedError 'generation-changed' if it is of an old copy, MalformedUpdateError if it cannot be read. */
  checkStateVector(stateVector: Uint8Array, maxClients: number): void {
    for (const client of decodeStateVector(stateVector, maxClients).keys()) this.#check(client);
  }

  /** Throws RefusedError 'generation-changed' for an update that brings, builds on or deletes anything of an old copy. */
  checkUpdate({ intervals, dependencies, deletes }: UpdateFacts): void {
    for (let i = 0; i < dependencies.length; i += 2) this.#check(dependencies[i]!);
    for (const ranges of [intervals, deletes]) {
      for (let i = 0; i < ranges.length; i += 3) if (ranges[i] !== ranges[i - 3]) this.#check(ranges[i]!);
    }
  }

  #check(client: number): void {
    if (this.#clients.has(client)) throw new RefusedError('generation-changed');
  }
}
