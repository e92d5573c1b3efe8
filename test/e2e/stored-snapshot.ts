import { join } from 'node:path';
import { YjsWorker } from '../../persistence/compaction/yjs-worker.ts';
import { LevelLog } from '../../persistence/level/level-log.ts';

/** Bytes of a document's snapshot in a data folder that no server has open; null if it has none. */
export async function storedSnapshotBytes(dataFolder: string, docId: string): Promise<number | null> {
  const worker = new YjsWorker();
  const log = await LevelLog.open(
    {
      folder: join(dataFolder, 'documents'),
      commit: 'write',
      diskReserveBytes: 0,
      compaction: { minTailBytes: Infinity, tailToSnapshotRatio: 1, entryCostBytes: 0 },
    },
    { compact: worker.compact },
  );
  try {
    const document = await log.open(docId, { committed: () => {}, compacted: () => {}, failed: () => {} });
    const { snapshot } = document.stored;
    await document.close();
    return snapshot && snapshot.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  } finally {
    await log.close();
    await worker.close();
  }
}
