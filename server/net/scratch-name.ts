/**
 * Prefix of the names of scratch documents, which are erased when the last client leaves. They are for testing a
 * connection (`quire doctor`), by any client that may write them.
 */
const scratchPrefix = 'quire-doctor/';

export function isScratchName(docId: string): boolean {
  return docId.startsWith(scratchPrefix);
}

/** Makes a unique name. */
export function newScratchName(): string {
  return `${scratchPrefix}${crypto.randomUUID()}`;
}
