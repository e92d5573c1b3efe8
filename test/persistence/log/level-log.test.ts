import { LevelLog } from '../../../persistence/log/level-log.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { updateLogContract } from './update-log.contract.ts';

updateLogContract('LevelLog', (t) => {
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
});
