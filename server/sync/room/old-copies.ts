import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { decodeStateVector } from '../../../persistence/update/state-vector.ts';
import { RefusedError } from '../../errors.ts';

/**
 * Recognises copies of the deleted generations of a document. Their content would bring back what was deleted. A copy
 * is recognised by the client ids that wrote it: they are random, so no other document has them.
 */
export class OldCopies {
  readonly #clients: ReadonlySet<number>;

  constructor(deletedClients: ReadonlySet<number>) {
    this.#clients = deletedClients;
  }

  /** Throws RefusedError ('generation-changed') for an old copy, and MalformedUpdateError if it cannot be read. */
  checkStateVector(stateVector: Uint8Array, maxClients: number): void {
    for (const client of decodeStateVector(stateVector, maxClients).keys()) this.#check(client);
  }

  /** Throws RefusedError ('generation-changed') if the update holds, builds on or deletes content of an old copy. */
  checkUpdate({ intervals, dependencies, deletes }: UpdateFacts): void {
    for (let i = 0; i < dependencies.length; i += 2) this.#check(dependencies[i]!);
    for (const ranges of [intervals, deletes]) {
      let last = -1;
      for (let i = 0; i < ranges.length; i += 3) {
        const client = ranges[i] as number;
        if (client !== last) this.#check(client);
        last = client;
      }
    }
  }

  #check(client: number): void {
    if (this.#clients.has(client)) throw new RefusedError('generation-changed');
  }
}
