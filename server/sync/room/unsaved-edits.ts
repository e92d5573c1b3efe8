import { fixedLimits } from '../../limits/limits.ts';

const maxBytes = fixedLimits['unsaved-edits'].max;
/** What one session may have handed in while little waits: the largest message (20 MB), and a paste. */
const usualShare = 24 * 1024 * 1024;
/** The same from half of the limit on: some 100 keystrokes. */
const smallShare = maxBytes / 1024;
/** What an edit takes in memory beside its update. */
const entryBytes = 512;

/** An author's edits that the disk does not have yet. */
export interface UnsavedAuthor {
  /** In memory, about; kept by `UnsavedEdits`. */
  unsavedBytes: number;
}

/**
 * Edits of all sessions that were accepted but are not durable yet. A slow disk must not fill the memory, so a session
 * that has handed in more than its share is not read until the disk has caught up.
 */
export class UnsavedEdits {
  #bytes = 0;

  /** In memory, about. */
  get bytes(): number {
    return this.#bytes;
  }

  add(update: Uint8Array, author: UnsavedAuthor): void {
    const bytes = update.length + entryBytes;
    author.unsavedBytes += bytes;
    this.#bytes += bytes;
  }

  /** An edit is durable, or will never be. */
  remove(update: Uint8Array, author: UnsavedAuthor): void {
    const bytes = update.length + entryBytes;
    author.unsavedBytes -= bytes;
    this.#bytes -= bytes;
  }

  /** Whether this author must wait. One of whom nothing is on its way to the disk never does. */
  isAboveShare({ unsavedBytes }: UnsavedAuthor): boolean {
    if (unsavedBytes <= smallShare && this.#bytes < maxBytes) return false;
    if (unsavedBytes <= usualShare && this.#bytes < maxBytes / 2) return false;
    return unsavedBytes > 0;
  }
}
