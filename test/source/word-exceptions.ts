/** A place where a phrase of `words.ts` is right. */
export interface Exception {
  readonly path: string;
  /** The phrase with the words around it, as the check prints it, or a part of that. */
  readonly phrase: string;
  readonly reason: string;
}

export const exceptions: readonly Exception[] = [];
