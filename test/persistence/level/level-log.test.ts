import type { TestContext } from 'node:test';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { compactionContract } from '../engine/compaction.contract.ts';
import { deletionContract } from '../engine/deletion.contract.ts';
import type { LogWorld } from '../engine/log-fixture.ts';
import { updateLogContract } from '../update-log.contract.ts';

function worldOf(t: TestContext): LogWorld {
  const folder = tempFolder(t);
  const faults = new FaultStore();
  return {
    open: ({ compact, compaction }) =>
      LevelLog.open(
        { folder, commit: 'fsync', diskReserveBytes: 0, compaction },
        { compact, wrapStore: (store) => faults.wrap(store) },
      ),
    fail: (error) => faults.fail(error),
    heal: () => faults.heal(),
  };
}

updateLogContract('LevelLog', worldOf);
compactionContract('LevelLog', worldOf);
deletionContract('LevelLog', worldOf);
