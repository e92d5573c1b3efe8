import { fixedLimits } from '../../limits/limits.ts';

const maxBytes = fixedLimits['unsaved-edits'].max;
/** The share of one session while the total is small: the largest message (20 MB) and a paste. */
const usualShare = 24 * 1024 * 1024;
/** The share of one session once half of the limit is used: about 100 keystrokes. */
const smallShare = maxBytes / 1024;
/** Memory of an edit without its update. */
const entryBytes = 512;

/** An author, with the edits of this author that are not durable yet. */
export interface UnsavedAuthor {
  /** Approximate memory use. `UnsavedEdits` keeps it up to date. */
  unsavedBytes: number;
}

/**
 * Counts the edits of all sessions that were accepted but are not durable yet. A slow disk must not fill the memory, so
 * a session that has sent more than its share is not read until the disk has caught up.
 */
export class UnsavedEdits {
  #bytes = 0;

  /** Approximate memory use. */
  get bytes(): number {
    return this.#bytes;
  }

  add(update: Uint8Array, author: UnsavedAuthor): void {
    const bytes = update.length + entryBytes;
    author.unsavedBytes += bytes;
    this.#bytes += bytes;
  }

  /** An edit has become durable, or has failed to. */
  remove(update: Uint8Array, author: UnsavedAuthor): void {
    const bytes = update.length + entryBytes;
    author.unsavedBytes -= bytes;
    this.#bytes -= bytes;
  }

  /** Whether this author must wait. An author without unsaved edits never waits. */
  isAboveShare({ unsavedBytes }: UnsavedAuthor): boolean {
    if (unsavedBytes <= smallShare && this.#bytes < maxBytes) return false;
    if (unsavedBytes <= usualShare && this.#bytes < maxBytes / 2) return false;
    return unsavedBytes > 0;
  }
}
