import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { compactionContract } from '../engine/compaction.contract.ts';
import { deletionContract } from '../engine/deletion.contract.ts';
import type { LogWorld } from '../engine/log-fixture.ts';
import { updateLogContract } from '../update-log.contract.ts';

function worldOf(): LogWorld {
  const store = new MemoryStore();
  const faults = new FaultStore();
  return {
    open: ({ compact, compaction }) =>
      Promise.resolve(
        MemoryLog.open(
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
