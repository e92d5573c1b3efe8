/**
 * Documents whose names begin so are not kept: they are erased when nobody has them open any more. They are for trying a
 * connection out (`quire doctor`), by whoever may write them.
 */
export const scratchPrefix = 'quire-doctor/';

export function isScratchName(docId: string): boolean {
  return docId.startsWith(scratchPrefix);
}

/** A name that nobody else has. */
export function newScratchName(): string {
  return `${scratchPrefix}${crypto.randomUUID()}`;
}
