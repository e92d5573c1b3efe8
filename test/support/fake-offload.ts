import * as Y from 'yjs';
import { mergeInLevels } from '../../persistence/update/merge.ts';
import { scanUpdate } from '../../persistence/update/scan.ts';
import type { Offload } from '../../server/sync/offload.ts';
import { Gate } from './gate.ts';

/** What a worker thread would do, in the same thread; held until `gate` opens. */
export class FakeOffload implements Offload {
  readonly gate = new Gate();
  readonly calls: (keyof Offload)[] = [];

  async scan(update: Uint8Array) {
    this.calls.push('scan');
    await this.gate.passed();
    return scanUpdate(update);
  }

  async diff(update: Uint8Array, stateVector: Uint8Array) {
    this.calls.push('diff');
    await this.gate.passed();
    return Y.diffUpdate(update, stateVector);
  }

  async merge(updates: readonly Uint8Array[]) {
    this.calls.push('merge');
    await this.gate.passed();
    return mergeInLevels(updates);
  }
}
