import type { LogError } from '../../persistence/errors.ts';
import { faultOf } from '../../persistence/level/file-errors.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import type { StorageFaultName } from '../../persistence/level/storage-faults.ts';
import { finding } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';

const codes: Readonly<Record<StorageFaultName, FindingCode>> = {
  locked: 'local-database-locked',
  'no-locks': 'local-no-locks',
  denied: 'local-folder-denied',
  'read-only': 'local-read-only',
  'no-space': 'local-no-space',
  'no-inodes': 'local-no-inodes',
  quota: 'local-quota',
  'not-a-folder': 'local-not-a-folder',
  'not-a-file': 'local-not-a-file',
  'link-loop': 'local-link-loop',
  missing: 'local-file-missing',
  'name-too-long': 'local-name-too-long',
  'open-files': 'local-open-files',
  'disk-error': 'local-disk-error',
  unusable: 'local-folder-unusable',
  'not-ours': 'local-database-foreign',
  'no-current': 'local-database-damaged',
  'too-new': 'local-database-newer',
  'damaged-log': 'local-database-damaged',
  'damaged-list': 'local-database-damaged',
  'damaged-table': 'local-database-damaged',
  'damaged-block': 'local-database-damaged',
  damaged: 'local-database-damaged',
};

/** A finding with the text that the server prints when this error keeps it from starting. */
export function findingOf(error: LogError): Finding {
  if (!(error instanceof StorageFault)) {
    return finding('local-disk-error', { path: 'the database', reason: error.message });
  }
  const { fault, facts, sentence, advice } = error;
  return finding(codes[fault], { ...facts, sentence, advice });
}

/** The same for any error of the file system or of LevelDB. */
export async function findingOfAny(folder: string, error: unknown): Promise<Finding> {
  return findingOf(await faultOf(folder, error));
}
