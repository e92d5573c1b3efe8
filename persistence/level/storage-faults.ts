/**
 * Every fault that keeps a database from being opened, with the cause and the remedy for the operator. The server at
 * startup and `quire doctor` both take their messages from here.
 */
import { LogError } from '../errors.ts';
import type { LogErrorCode } from '../errors.ts';

interface FaultText {
  readonly code: LogErrorCode;
  /** The cause. Words in braces are replaced with the facts of the case. */
  readonly sentence: string;
  /** The remedy. */
  readonly advice: string;
}

export const storageFaults = {
  locked: {
    code: 'LOG_LOCKED',
    sentence: 'Another process uses the database in {folder}.',
    advice: 'Stop it, or choose another folder (--data).',
  },
  'no-locks': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The file system of {folder} cannot lock files ({reason}), so a second server could not be kept out.',
    advice:
      'Move the data to a local disk. Otherwise, on NFS start rpc.statd and lockd, or mount with local_lock=posix; on ' +
      'CIFS mount with nobrl. Both mount options are safe only if no other machine uses the folder.',
  },
  denied: {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'This user (uid {uid}) may not {action} {path}, which belongs to uid {owner} (mode {mode}).',
    advice: '{remedy}',
  },
  'read-only': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The file system of {folder} is mounted read-only.',
    advice:
      'Mount it for writing (Docker: without :ro; systemd: ReadWritePaths). The kernel also makes a file system read-only ' +
      'after a disk error: see dmesg.',
  },
  'no-space': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'No space is left on the disk of {folder}.',
    advice: 'Delete something, or enlarge the disk.',
  },
  'no-inodes': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The file system of {folder} has no free inodes: no file can be created, although the disk is not full.',
    advice:
      'Delete small files that are not needed (df -i counts the inodes), or create a file system with more inodes.',
  },
  quota: {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The disk quota for {folder} is used up.',
    advice: 'Raise the quota, or delete something of the same owner.',
  },
  'not-a-folder': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'Cannot use the folder {folder}: {path} is not a directory.',
    advice: 'The folder must exist or be creatable: give another one (--data), or move the file away.',
  },
  'not-a-file': {
    code: 'LOG_NOT_WRITABLE',
    sentence: '{path} is {kind}, and a regular file is expected.',
    advice: 'Quire did not create it. Move it away, and restore the file from a backup if it is part of the database.',
  },
  'link-loop': {
    code: 'LOG_NOT_WRITABLE',
    sentence: '{path} is a symbolic link that leads nowhere or back to itself.',
    advice: 'Correct the link, or give another folder (--data).',
  },
  missing: {
    code: 'LOG_NOT_WRITABLE',
    sentence: '{path} does not exist.',
    advice: 'Give the right folder (--data). Is a disk not mounted?',
  },
  'name-too-long': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The path {path} is longer than the file system allows.',
    advice: 'Choose a folder with a shorter path (--data).',
  },
  'open-files': {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The process may not open another file ({reason}).',
    advice: 'Raise the limit (ulimit -n; systemd: LimitNOFILE; Docker: --ulimit nofile).',
  },
  'disk-error': {
    code: 'LOG_UNREADABLE',
    sentence: 'The disk returned an error for {path} ({reason}).',
    advice: 'See dmesg and smartctl. Copy what can be read, replace the disk, and restore a backup.',
  },
  unusable: {
    code: 'LOG_NOT_WRITABLE',
    sentence: 'The folder {folder} cannot be used ({reason}).',
    advice: 'It must be a folder of a local disk that this user may read and write.',
  },
  'not-ours': {
    code: 'LOG_NOT_OURS',
    sentence: 'The folder {folder} holds files, but not a Quire database.',
    advice: 'Quire does not overwrite them: choose an empty folder, or the right one (--data).',
  },
  'no-current': {
    code: 'LOG_NOT_OURS',
    sentence: 'The database in {folder} has lost its CURRENT file, without which LevelDB would take it for a new one.',
    advice: 'Restore a backup. Nothing was changed.',
  },
  'too-new': {
    code: 'LOG_TOO_NEW',
    sentence:
      'The database in {folder} has format {format}, but this version of Quire knows formats up to {known}. A newer version wrote it.',
    advice: 'Start that newer version, or restore a backup from before the upgrade.',
  },
  'damaged-log': {
    code: 'LOG_DAMAGED',
    sentence: '{path} is damaged{where}: {reason}. {risk} if LevelDB opens it. Nothing was changed.',
    advice:
      'Restore a backup. To start with the remaining edits, set --accept-damaged-log: a copy of the log is kept beside the database.',
  },
  'damaged-list': {
    code: 'LOG_DAMAGED',
    sentence:
      '{path} is damaged{where}: {reason}. It is part of the list of files that make up the database. Nothing was changed.',
    advice: 'Restore a backup, and check the disk.',
  },
  'damaged-table': {
    code: 'LOG_DAMAGED',
    sentence: '{path} is damaged{where}: {reason}. {loss}{others} Nothing was changed.',
    advice:
      'Restore a backup, and check the disk. To start without the unreadable records, set --accept-damaged-log: a copy of the ' +
      'table is kept beside it.',
  },
  'damaged-block': {
    code: 'LOG_DAMAGED',
    sentence: '{path} is damaged{where}: {reason}. {loss}{others} Nothing was changed.',
    advice:
      'Restore a backup, and check the disk. The server starts nevertheless, keeps a copy of the table, and refuses these ' +
      'documents.',
  },
  damaged: {
    code: 'LOG_DAMAGED',
    sentence: 'The database in {folder} is damaged as a whole: {reason}. Nothing was changed.',
    advice: 'Restore a backup, and check the disk.',
  },
} as const satisfies Readonly<Record<string, FaultText>>;

export type StorageFaultName = keyof typeof storageFaults;

export type FaultFacts = Readonly<Record<string, string | number>>;

/** The database cannot be opened, and the cause is known. The message consists of the sentence and the advice. */
export class StorageFault extends LogError {
  readonly fault: StorageFaultName;
  readonly facts: FaultFacts;
  /** The cause. */
  readonly sentence: string;
  /** The remedy. */
  readonly advice: string;

  constructor(fault: StorageFaultName, facts: FaultFacts, options?: ErrorOptions) {
    const { code, sentence, advice } = storageFaults[fault];
    const [filledSentence, filledAdvice] = [fill(sentence, facts), fill(advice, facts)];
    super(code, `${filledSentence} ${filledAdvice}`, options);
    this.fault = fault;
    this.facts = facts;
    this.sentence = filledSentence;
    this.advice = filledAdvice;
  }
}

function fill(text: string, facts: FaultFacts): string {
  return text.replaceAll(/\{(\w+)\}/g, (braces, name: string) => String(facts[name] ?? braces));
}
