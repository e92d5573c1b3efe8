import type { Examination, HostAddress } from './examination.ts';
import { requestUpgrade } from './upgrade-request.ts';
import { readQuireError } from './upgrade-refusal.ts';

/** The longest name of a document, in bytes. */
const maxNameBytes = 255;
/** U+2028, which is not allowed in names. Proxies forward it. */
const badCharacter = '%E2%80%A8';
const badName = 'x'.repeat(maxNameBytes - 3) + badCharacter;
/** Further slashes are part of the name. */
const maxFolders = 6;

/** The result of the probe. */
interface NamedServer {
  /** Whether the server refuses names as Quire does. */
  readonly isQuire: boolean;
  /** The path before the names of documents; null if it is unknown. */
  readonly folder: string | null;
}

/**
 * Finds out whether the server is Quire, and where names begin in the path. Behind a proxy, `/docs/notes/todo` may be
 * the document `todo` or `notes/todo`. Each request has no token, and a name that Quire refuses before it opens
 * anything. The name has the maximum length, so Quire finds it too long if names begin earlier in the path than
 * assumed.
 */
export async function probeNames(examination: Examination, address: HostAddress): Promise<NamedServer> {
  const { target } = examination;
  let isQuire = false;
  for (const folder of foldersOf(target.path)) {
    const reason = await refusalOfName(examination, address, folder);
    if (reason === null) break;
    isQuire = true;
    if (!reason.includes('longer than')) return { isQuire, folder };
  }
  return { isQuire, folder: isQuire ? null : target.folder };
}

/** All prefixes of a path that end in a slash, the longest first. */
function foldersOf(path: string): readonly string[] {
  const folders = [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1));
  return folders.slice(0, maxFolders).toReversed();
}

async function refusalOfName(examination: Examination, address: HostAddress, folder: string): Promise<string | null> {
  try {
    const { target } = examination;
    const request = { path: `${folder}${badName}${target.query}`, origin: target.origin, protocols: [] };
    const { status, body } = await requestUpgrade(examination, address, request);
    const quire = status === 400 ? readQuireError(body) : null;
    return quire?.error === 'bad-document-name' ? quire.reason : null;
  } catch {
    // Not Quire, or the server has failed meanwhile, which the next stage reports.
    return null;
  }
}
