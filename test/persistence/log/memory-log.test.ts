import { MemoryLog } from '../../../persistence/log/memory-log.ts';
import { MemoryStore } from '../../../persistence/log/memory-store.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { updateLogContract } from './update-log.contract.ts';

updateLogContract('MemoryLog', () => {
  const store = new MemoryStore();
  const faults = new FaultStore();
  return {
    open: ({ compact, compaction }) =>
      Promise.resolve(
        new MemoryLog(
          { compaction },
          { compact, store: faults.wrap(store), reopen: () => Promise.resolve(faults.wrap(store)) },
        ),
      ),
    fail: (error) => faults.fail(error),
    heal: () => faults.heal(),
  };
});
