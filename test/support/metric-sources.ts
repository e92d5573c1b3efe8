import { AuthStats } from '../../server/auth/auth-stats.ts';
import type { MetricSources } from '../../server/metrics/metrics.ts';
import { StorageStats } from '../../server/metrics/storage-stats.ts';
import { NetStats } from '../../server/net/stats.ts';
import { SyncStats } from '../../server/sync/stats.ts';

/** The sources of the metrics of an idle server, some of them replaced. */
export function metricSources(replaced: Partial<MetricSources> = {}): MetricSources {
  return {
    auth: new AuthStats(),
    net: new NetStats(),
    sync: new SyncStats(),
    storage: new StorageStats(),
    connections: () => 0,
    rooms: () => 0,
    roomMemoryBytes: () => 0,
    outboxMemoryBytes: () => 0,
    sessions: () => 0,
    logLinesDropped: () => 0,
    fileFailures: () => new Map(),
    waitingMessageBytes: () => 0,
    unsavedEditBytes: () => 0,
    unreadAnswerBytes: () => 0,
    waitingAccessChecks: () => 0,
    heldRefusals: () => 0,
    logState: () => 'open',
    ...replaced,
  };
}
