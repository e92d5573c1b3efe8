import { MemoryLog } from '../../../persistence/log/memory-log.ts';
import { MemoryStore } from '../../../persistence/log/memory-store.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { compactionContract } from './compaction.contract.ts';
import { deletionContract } from './deletion.contract.ts';
import type { LogWorld } from './log-bench.ts';
import { updateLogContract } from './update-log.contract.ts';

function worldOf(): LogWorld {
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
}

updateLogContract('MemoryLog', worldOf);
compactionContract('MemoryLog', worldOf);
deletionContract('MemoryLog', worldOf);
