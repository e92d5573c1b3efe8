import { storageFaults } from '../../persistence/level/storage-faults.ts';
import type { StorageFaultName } from '../../persistence/level/storage-faults.ts';

/** Uses the text of the server, which does not start with this fault. */
function storage(fault: StorageFaultName) {
  const { sentence, advice } = storageFaults[fault];
  return { stage: 'local', severity: 'error', sentence, advice } as const;
}

/** Problems of the server's machine. */
export const localFindings = {
  'local-config': {
    stage: 'local',
    severity: 'error',
    sentence: 'The configuration is wrong: {reason}',
    advice: 'Correct it; quire serve --help lists all options.',
  },
  'local-folder-missing': {
    stage: 'local',
    severity: 'error',
    sentence: 'The data folder {folder} does not exist.',
    advice: 'Give the right one (--data). The server makes it on its first start, if the folder above may be written.',
  },
  'local-folder-denied': storage('denied'),
  'local-folder-unusable': storage('unusable'),
  'local-not-a-folder': storage('not-a-folder'),
  'local-not-a-file': storage('not-a-file'),
  'local-file-missing': storage('missing'),
  'local-link-loop': storage('link-loop'),
  'local-name-too-long': storage('name-too-long'),
  'local-read-only': storage('read-only'),
  'local-no-locks': storage('no-locks'),
  'local-no-space': storage('no-space'),
  'local-no-inodes': storage('no-inodes'),
  'local-quota': storage('quota'),
  'local-open-files': storage('open-files'),
  'local-disk-error': storage('disk-error'),
  'local-owner': {
    stage: 'local',
    severity: 'error',
    sentence:
      '{path} belongs to uid {owner} (mode {mode}), and the owner of the data folder (uid {user}) may not use it: a server ' +
      'that runs as that user does not start.',
    advice: 'chown -R {user}:{group} {folder}. Do not start the server itself as root.',
  },
  'local-inner-folder': {
    stage: 'local',
    severity: 'error',
    sentence: '{folder} is the folder of a database, not a data folder.',
    advice: 'Give the folder above it: --data {parent}.',
  },
  'local-scratch': {
    stage: 'local',
    severity: 'warning',
    sentence: 'The stored documents were not looked at: the doctor cannot make its copy in {folder} ({reason}).',
    advice: 'Make room there, or set TMPDIR to a folder of another disk.',
  },
  'local-disk-full': {
    stage: 'local',
    severity: 'error',
    sentence: 'The disk of {folder} has {free} left, less than the reserve ({reserve}): documents are read-only.',
    advice: 'Make room, or lower --disk-reserve. Writing resumes by itself.',
  },
  'local-disk-low': {
    stage: 'local',
    severity: 'warning',
    sentence: 'The disk of {folder} has only {free} left; below {reserve} documents become read-only.',
    advice: 'Make room before that.',
  },
  'local-fsync-slow': {
    stage: 'local',
    severity: 'warning',
    sentence: 'The disk takes {p50} ms for an fsync (p99 {p99} ms): that is how long every edit waits.',
    advice: 'Use a local SSD instead of a network disk; --commit write trades safety in a power cut for speed.',
  },
  'local-file-limit': {
    stage: 'local',
    severity: 'warning',
    sentence: 'The process may open {limit} files, and --max-connections is {connections}.',
    advice: 'Raise the limit (systemd: LimitNOFILE; Docker: --ulimit nofile), or lower --max-connections.',
  },
  'local-clock': {
    stage: 'local',
    severity: 'error',
    sentence: 'Files of the database are dated {ahead} in the future: the clock of this machine is behind.',
    advice: 'Set the clock (NTP): certificates and tokens depend on it.',
  },
  'local-database-damaged': {
    stage: 'local',
    severity: 'error',
    sentence: 'The database cannot be opened: {sentence}',
    advice: '{advice} Keep the damaged folder.',
  },
  'local-database-locked': storage('locked'),
  'local-database-unreadable': {
    stage: 'local',
    severity: 'error',
    sentence: 'Part of the database cannot be read: {reason}',
    advice: 'Check the disk, and restore a backup: documents may be missing from the list, and are not served.',
  },
  'local-database-foreign': storage('not-ours'),
  'local-database-newer': storage('too-new'),
  'local-document-damaged': {
    stage: 'local',
    severity: 'error',
    sentence: "The document '{docId}' is damaged: {reason}.{alike}",
    advice:
      'It is not served; all others are. Check the disk. Restore the data folder from a backup, or delete the document ' +
      '(docs/auth.md): a client that still has a copy brings it back. If a table of the database was damaged, it cannot be deleted either, and only a backup helps.',
  },
  'local-certificate': {
    stage: 'local',
    severity: 'error',
    sentence: 'The certificate cannot be used: {reason}',
    advice: 'Correct it: the server would not start with it; one that runs goes on with the old one.',
  },
  'local-certificate-late': {
    stage: 'local',
    severity: 'warning',
    sentence: 'The certificate on disk expires on {date}: less than a third of its life is left.',
    advice: 'Look into the log of the program that renews it.',
  },
  'local-certificate-stale': {
    stage: 'local',
    severity: 'error',
    sentence: 'The server serves another certificate than the one on disk (expires {served} instead of {stored}).',
    advice: 'The server has refused the new one, its log says why; or another program listens on port {port}.',
  },
  'local-not-running': {
    stage: 'local',
    severity: 'warning',
    sentence: 'Nothing listens on {host}, port {port}: the server does not run.',
    advice: 'Start it: quire serve. Then run quire doctor again.',
  },
  'local-not-ready': {
    stage: 'local',
    severity: 'error',
    sentence: 'The server runs, but is not ready: {reason}.',
    advice:
      'Its log says why: storage that failed is reopened by itself, an expired certificate is not renewed by itself.',
  },
} as const;
