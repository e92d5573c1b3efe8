import { mergeInLevels } from '../../persistence/update/merge.ts';
import { diffStructs } from '../../persistence/update/parts.ts';
import { scanUpdate } from '../../persistence/update/scan.ts';
import type { ScanLimits } from '../../persistence/update/scan.ts';
import { decodeStateVector } from '../../persistence/update/state-vector.ts';
import type { Offload } from '../../server/sync/offload.ts';
import { Latch } from './latch.ts';

/** Does the work of a worker thread in the same thread. Waits while `gate` is closed. */
export class FakeOffload implements Offload {
  readonly gate = new Latch();
  readonly calls: (keyof Offload)[] = [];

  async scan(update: Uint8Array, limits: ScanLimits) {
    this.calls.push('scan');
    await this.gate.passed();
    return scanUpdate(update, limits);
  }

  async diff(update: Uint8Array, stateVector: Uint8Array) {
    this.calls.push('diff');
    await this.gate.passed();
    return diffStructs(update, decodeStateVector(stateVector));
  }

  async merge(updates: readonly Uint8Array[]) {
    this.calls.push('merge');
    await this.gate.passed();
    return mergeInLevels(updates);
  }
}
