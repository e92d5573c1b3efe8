import { performance } from 'node:perf_hooks';
import type { LogState } from '../../persistence/update-log.ts';
import type { AuthStats } from '../auth/auth-stats.ts';
import { limitNames } from '../limits/limits.ts';
import type { LimitName } from '../limits/limits.ts';
import type { MetricRegistry } from './registry.ts';
import type { NetStats } from '../net/stats.ts';
import type { StorageStats } from './storage-stats.ts';
import type { SyncStats } from '../sync/stats.ts';

/** The sources of the metrics. They are read when metrics are requested, so counting costs only the additions. */
export interface MetricSources extends CollaborationSources {
  readonly auth: AuthStats;
  readonly net: NetStats;
  readonly storage: StorageStats;
  connections(): number;
  waitingMessageBytes(): number;
  unreadAnswerBytes(): number;
  waitingAccessChecks(): number;
  heldRefusals(): number;
  /** How many times a file that is read while the server runs became unusable, by the option that names it. */
  fileFailures(): ReadonlyMap<string, number>;
  logState(): LogState;
  logLinesDropped(): number;
}

/** The sources that `Collaboration` owns. */
export interface CollaborationSources {
  readonly sync: SyncStats;
  rooms(): number;
  roomMemoryBytes(): number;
  outboxMemoryBytes(): number;
  sessions(): number;
  unsavedEditBytes(): number;
}

const logStates: readonly LogState[] = ['open', 'read-only', 'reopening', 'closed'];

/** Registers all metrics of Quire. No label names a document or a user. */
export function registerMetrics(registry: MetricRegistry, sources: MetricSources): void {
  const { auth, net, sync, storage } = sources;
  const counter = registry.counter.bind(registry);
  const counters = registry.counters.bind(registry);
  const gauge = registry.gauge.bind(registry);

  counters('limits_reached_total', 'Times that a limit was reached, by its name (docs/limits.md).', 'limit', () => {
    const reached = new Map<LimitName, number>(limitNames.map((name) => [name, 0]));
    for (const part of [net.limitsReached, sync.limitsReached]) {
      for (const [name, count] of part) reached.set(name, (reached.get(name) ?? 0) + count);
    }
    return reached;
  });

  gauge('connections', 'Open WebSockets.', sources.connections);
  counter('connections_opened_total', 'WebSockets opened.', () => net.connectionsOpened);
  counters('connections_closed_total', 'WebSockets closed, by close code.', 'code', () => net.connectionsClosed);
  counters(
    'connections_refused_total',
    'WebSockets closed because of an error of the client, by reason.',
    'error',
    () => net.connectionsRefused,
  );
  counter('connections_silent_total', 'Sockets cut off because pings went unanswered.', () => net.connectionsSilent);
  counters(
    'requests_unreadable_total',
    'Requests that were not HTTP, too long or incomplete, by reason.',
    'error',
    () => net.requestsUnreadable,
  );
  counter(
    'answers_unread_total',
    'HTTP connections cut off because their client did not read an answer.',
    () => net.answersUnread,
  );
  counters(
    'upgrades_refused_total',
    'WebSockets refused by HTTP status, by reason.',
    'error',
    () => net.upgradesRefused,
  );
  counter('tls_handshakes_failed_total', 'TLS handshakes that failed.', () => net.tlsHandshakesFailed);
  counter('accepts_failed_total', 'Connections cut off because too many files were open.', () => net.acceptsFailed);

  counter('access_granted_total', 'Attempts to join a document that were granted.', () => auth.granted);
  counter('access_refused_total', 'Attempts to join a document that were refused.', () => auth.refused);
  counter('access_unavailable_total', 'Failed requests to the application or for keys.', () => auth.unavailable);
  counter('access_revoked_total', 'Live sessions whose access was revoked.', () => auth.revoked);
  counter('access_renewed_total', 'Live sessions whose grant the application renewed.', () => auth.renewed);
  counters(
    'file_reloads_failed_total',
    'Times a file with settings could not be read again; the last good content stays in force.',
    'option',
    sources.fileFailures,
  );

  gauge('rooms', 'Documents in memory.', sources.rooms);
  gauge('room_memory_bytes', 'Memory that documents use, approximately.', sources.roomMemoryBytes);
  gauge('outbox_memory_bytes', 'Messages that wait for slow readers.', sources.outboxMemoryBytes);
  gauge('sessions', 'Clients in documents.', sources.sessions);
  gauge('waiting_message_bytes', 'Messages received in part or waiting to be processed.', sources.waitingMessageBytes);
  gauge('unsaved_edit_bytes', 'Accepted edits that are not on disk yet.', sources.unsavedEditBytes);
  gauge('unread_answer_bytes', 'HTTP answers that clients have not read yet.', sources.unreadAnswerBytes);
  gauge('waiting_access_checks', 'Clients that wait for a request to the application.', sources.waitingAccessChecks);
  gauge('held_refusals', 'Repeated refusals that are being delayed.', sources.heldRefusals);
  counter('rooms_loaded_total', 'Documents loaded.', () => sync.roomsLoaded);
  counter('rooms_unloaded_total', 'Documents unloaded.', () => sync.roomsUnloaded);
  counter('room_loads_failed_total', 'Documents that could not be opened.', () => sync.loadsFailed);
  counters('sessions_ended_total', 'Sessions ended by the server, by reason.', 'error', () => sync.sessionsEnded);
  counter('documents_deleted_total', 'Documents deleted.', () => sync.documentsDeleted);
  counters('deletions_refused_total', 'Deletions not done, by reason.', 'error', () => net.deletionsRefused);
  counter('joins_total', 'Sync requests (SyncStep1) of clients.', () => sync.joins);
  counter('updates_appended_total', 'Updates handed to the log.', () => sync.updatesAppended);
  counter('updates_known_total', 'Updates that contained nothing new.', () => sync.updatesKnown);
  counter('updates_with_gap_total', 'Updates whose sender was asked for the missing edits.', () => sync.updatesWithGap);
  counter(
    'updates_stored_with_gap_total',
    'Updates stored although they build on missing edits.',
    () => sync.gapsStored,
  );
  counter('updates_refused_total', 'Updates of clients that may only read.', () => sync.updatesRefused);
  counter('update_bytes_total', 'Bytes of updates from clients.', () => sync.updateBytesIn);
  counter('broadcasts_total', 'Messages to whole rooms.', () => sync.broadcasts);
  counter('deliveries_total', 'Copies of those messages to single sessions.', () => sync.deliveries);
  counter('presence_dropped_total', 'Presence messages not sent to slow readers at once.', () => sync.presenceDropped);
  counter(
    'presence_trimmed_total',
    'Presence states from which a field was removed that makes other editors fail.',
    () => sync.presenceTrimmed,
  );
  counter('probes_answered_total', 'Times a client was told that its edits are saved.', () => sync.probesAnswered);

  counter('commits_total', 'Group commits.', () => storage.commits);
  counter('entries_committed_total', 'Updates that became durable.', () => storage.entriesCommitted);
  counter('committed_bytes_total', 'Bytes of updates that became durable.', () => storage.bytesCommitted);
  counter('commit_seconds_total', 'Time that group commits took, summed up.', () => storage.commitSeconds);
  counter('compactions_total', 'Tails folded into their snapshots.', () => storage.compactions);
  counter('compactions_failed_total', 'Compactions without a verified result.', () => storage.compactionsFailed);
  counter('entries_set_aside_total', 'Updates that would have poisoned their document.', () => storage.entriesSetAside);
  counter('storage_failures_total', 'Failed writes, reopenings and clean-ups.', () => storage.failures);

  registry.gauges('log_state', 'The state of storage: 1 for the one it is in.', 'state', () => {
    const now = sources.logState();
    return logStates.map((state) => [state, state === now ? 1 : 0]);
  });

  counter(
    'log_lines_dropped_total',
    'Log lines dropped because the reader has stopped reading or is gone.',
    sources.logLinesDropped,
  );
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('process_heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  counter('process_cpu_seconds_total', 'CPU time, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  counter('event_loop_busy_seconds_total', 'Time in which the event loop was not idle.', () => {
    return performance.eventLoopUtilization().active / 1000;
  });
}
