import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LogError } from '../../persistence/errors.ts';
import { contentOf, openImage } from '../../persistence/level/database.ts';
import { DatabaseChangingError, DatabaseImage, ImagePlaceError } from '../../persistence/level/database-image.ts';
import { faultOf, readFileError } from '../../persistence/level/file-errors.ts';
import type { RecordStore } from '../../persistence/engine/record-store.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import type { StorageFaultName } from '../../persistence/level/storage-faults.ts';
import { verifyDocuments } from '../../persistence/engine/verify-documents.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import type { LocalDeps, LocalState } from './machine.ts';
import { withOwnFolder } from './own-files.ts';

/** How many damaged documents are named after the first. */
const maxNamed = 20;

/**
 * Checks the database in a folder. Works on an image, so a server that runs or starts meanwhile is not disturbed.
 * Rejects with errors of the file system and LogError.
 */
export async function checkDatabase(folder: string, deps: LocalDeps, state: LocalState): Promise<void> {
  const content = contentOf(folder, await readdir(folder));
  if (content !== 'database') {
    const value =
      content === 'nothing'
        ? 'none yet; the server creates it on its first start'
        : 'the first start was interrupted, nothing is stored; the next start repeats it';
    state.measurements.push({ name: 'database', value });
    return;
  }
  try {
    await withOwnFolder(deps.scratchParents, (scratch) => checkImage(folder, scratch, deps, state));
  } catch (error) {
    if (error instanceof DatabaseChangingError) {
      state.measurements.push({ name: 'database', value: 'changes faster than it can be looked at; try again later' });
      return;
    }
    const problem = scratchProblem(error, deps.scratchParents[0]);
    if (problem === null) throw error;
    // If no file system locks files, the server has the same problem.
    if (isLockProblem(error)) await deps.probeLocks(dirname(folder), true);
    state.findings.push(problem);
  }
}

/** Faults that only writing can meet. Only the image is written. */
const writeFaults: readonly StorageFaultName[] = ['no-space', 'no-inodes', 'quota', 'read-only', 'no-locks'];

/** A finding if the doctor could not make its image, which is not a fault of the database. Otherwise null. */
function scratchProblem(error: unknown, parent: string): Finding | null {
  const isFault = error instanceof StorageFault && writeFaults.includes(error.fault);
  const { path, reason } = readFileError(isFault || error instanceof ImagePlaceError ? error.cause : error);
  const isFolder = !(error instanceof LogError) && path?.startsWith(resolve(parent, '.quire-doctor-')) === true;
  if (!isFault && !isFolder && !(error instanceof ImagePlaceError)) return null;
  return finding('local-scratch', { folder: parent, reason });
}

function isLockProblem(error: unknown): boolean {
  return error instanceof StorageFault && error.fault === 'no-locks';
}

async function checkImage(folder: string, scratch: string, deps: LocalDeps, state: LocalState): Promise<void> {
  const limit = await deps.openFilesLimit();
  const options = { maxHeldTables: Math.floor((limit ?? 1_000) / 2) };
  const image = await DatabaseImage.take(folder, scratch, options).catch(async (error: unknown) => {
    const isKnown = error instanceof DatabaseChangingError || error instanceof ImagePlaceError;
    throw isKnown ? error : await faultOf(folder, error);
  });
  try {
    const store = await openImage(scratch, folder, {
      // Damage is removed from the image, so that the other documents can be verified.
      containDamage: ({ message: reason }) => state.findings.push(finding('local-database-unreadable', { reason })),
      leftUnchecked({ tables }) {
        state.measurements.push({ name: 'tables', value: `${tables} not checked; --deep for all` });
      },
      ...(deps.verifyBudgetMs === Infinity && { maxCheckBytes: Infinity }),
    });
    try {
      await image.preventCompaction();
      state.measurements.push({ name: 'database', value: 'opens' });
      // LevelDB names files of the image, but the operator knows those of the data folder.
      const named = (text: string): string => text.replaceAll(scratch, folder);
      await checkRecords(store, named, deps, state).catch(async (error: unknown) => {
        throw error instanceof LogError ? await faultOf(folder, error.cause, scratch) : error;
      });
    } finally {
      await store.close();
    }
  } finally {
    await image.close();
  }
}

async function checkRecords(
  store: RecordStore,
  named: (text: string) => string,
  deps: LocalDeps,
  state: LocalState,
): Promise<void> {
  const endMs = deps.monotonicMs() + deps.verifyBudgetMs;
  const { documents, verified, damaged, unlisted } = await verifyDocuments(store, () => deps.monotonicMs() < endMs);
  const all = verified === documents;
  state.measurements.push({
    name: 'records',
    value: all ? `${verified} documents verified` : `${verified} of ${documents} documents verified; --deep for all`,
  });
  if (unlisted !== null)
    state.findings.push(finding('local-database-unreadable', { reason: `${named(unlisted.message)}.` }));
  const [first] = damaged;
  if (first === undefined) return;
  const others = damaged.slice(1, 1 + maxNamed).map(({ docId }) => `'${docId}'`);
  const more = damaged.length > 1 + maxNamed ? ', ...' : '';
  const alike = others.length === 0 ? '' : ` Likewise: ${others.join(', ')}${more}.`;
  state.findings.push(finding('local-document-damaged', { docId: first.docId, reason: named(first.message), alike }));
}
