/** A child process of `test/doctor/local-faults.test.ts` that examines data folders as another user. */
import { openDatabase } from '../../persistence/level/database.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import { parseConfig } from '../../server/config/config.ts';
import type { Finding } from '../../server/doctor/finding.ts';
import { checkMachine } from '../../server/doctor/local-checks.ts';
import { machine } from '../../server/doctor/machine.ts';
import { becomeOrdinaryUser } from '../support/ordinary-user.ts';

export interface Question {
  readonly data: string;
  readonly scratchParent: string;
  /** Opens the database as a server would, instead of examining it. */
  readonly asServer: boolean;
}

export type Answer =
  | { readonly findings: readonly Finding[] }
  /** The error of the server if it does not start; null if it starts. */
  | { readonly refusal: { readonly sentence: string; readonly advice: string } | null }
  /** An error that the operator would see as a stack trace. */
  | { readonly raw: string };

export async function answer({ data, scratchParent, asServer }: Question): Promise<Answer> {
  try {
    if (asServer) return { refusal: await refusalOf(`${data}/documents`) };
    const config = parseConfig(['--data', data], {});
    // An fsync may take long on a busy disk, and these tests are not about its duration.
    const sound = { openFilesLimit: () => Promise.resolve(null), fsyncsMs: () => Promise.resolve([1]) };
    const deps = { ...machine, ...sound, scratchParents: [scratchParent] as const };
    return { findings: (await checkMachine(config, deps)).findings };
  } catch (error) {
    return { raw: String(error) };
  }
}

async function refusalOf(documents: string): Promise<{ sentence: string; advice: string } | null> {
  try {
    await (await openDatabase(documents, { mayCreate: true })).close();
    return null;
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    return { sentence: error.sentence, advice: error.advice };
  }
}

const own = process.argv[2];
if (process.send !== undefined && own !== undefined) {
  becomeOrdinaryUser(own);
  process.on('message', (question: Question) => void answer(question).then((answered) => process.send?.(answered)));
}
