import type { Examination, HostAddress } from './examination.ts';
import { requestUpgrade } from './upgrade-request.ts';
import { readQuireError } from './upgrade-refusal.ts';

/** The longest name of a document, in bytes. */
const maxNameBytes = 255;
/** U+2028, which no name may have. Proxies pass it on. */
const badCharacter = '%E2%80%A8';
const badName = 'x'.repeat(maxNameBytes - 3) + badCharacter;
/** More slashes than that are part of the name. */
const maxFolders = 6;

/** What a server says of names. */
export interface NamedServer {
  /** It refuses names as Quire does. */
  readonly isQuire: boolean;
  /** Where the names of documents begin in the path; null if that is not known. */
  readonly folder: string | null;
}

/**
 * Finds out whether Quire answers, and where names begin in the path: in `/docs/notes/todo` behind a proxy the document may
 * be `todo` or `notes/todo`. Each request has a name that Quire refuses before it opens anything, and without a token. The
 * name is as long as a name may be, so that Quire finds it too long if it begins earlier than supposed.
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

/** All beginnings of a path that end in a slash, the longest first. */
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
    // Another server, or one that is worse off than a moment ago: the next step finds out.
    return null;
  }
}
