import { fold } from '../../persistence/compaction/fold.ts';
import { cutIntoParts } from '../../persistence/update/parts.ts';
import type { StoredSnapshot } from './fake-log.ts';

/**
 * The snapshot that compaction makes of these updates, in parts of about `partBytes`. `seq` is that of the last update.
 */
export function storedSnapshot(updates: readonly Uint8Array[], seq: number, partBytes = Infinity): StoredSnapshot {
  const entries = updates.map((update, index) => ({ seq: index + 1, update: update.slice() }));
  const { parts, pending, stateVector, deleteSet } = fold({ snapshot: [], entries });
  const [whole] = parts;
  if (whole === undefined || parts.length > 1) throw new Error('Too large for a test, or empty');
  const cut = cutIntoParts(whole.data, partBytes);
  return {
    snapshot: {
      seq,
      parts: cut.map(({ bytes, intervals }) => ({ bytes, intervals })),
      pending,
      stateVector,
      deleteSet,
    },
    data: cut.map((part) => part.data),
  };
}
