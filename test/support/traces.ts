import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type * as Y from 'yjs';

/**
 * One replacement in a text. Positions count code points. Neither trace has any above 16 bits, so these are indices of
 * Y.Text.
 */
export type Patch = readonly [position: number, deletedCount: number, inserted: string];

/** The edits of one user, in order. */
export interface LinearTrace {
  readonly startContent: string;
  readonly endContent: string;
  readonly txns: readonly { readonly time: string; readonly patches: readonly Patch[] }[];
}

/** The edits of several users, who see each other's edits later. */
export interface ConcurrentTrace {
  readonly kind: 'concurrent';
  readonly endContent: string;
  readonly numAgents: number;
  readonly txns: readonly ConcurrentTransaction[];
}

/** Patches on the text as it was after `parents` (indices of transactions; none: empty; several: merged). */
export interface ConcurrentTransaction {
  readonly parents: readonly number[];
  readonly agent: number;
  readonly patches: readonly Patch[];
}

/** Two users write one text at the same time. After a correct merge the text is `endContent`. */
export function loadFriendsForever(): ConcurrentTrace {
  return load('friendsforever') as ConcurrentTrace;
}

/** 259,778 edits of one user. */
export function loadAutomergePaper(): LinearTrace {
  return load('automerge-paper') as LinearTrace;
}

export function applyPatches(text: Y.Text, patches: readonly Patch[]): void {
  for (const [position, deletedCount, inserted] of patches) {
    if (deletedCount > 0) text.delete(position, deletedCount);
    if (inserted !== '') text.insert(position, inserted);
  }
}

function load(name: string): unknown {
  // From dist/test/support: the compiler does not copy fixtures.
  const file = join(import.meta.dirname, '../../../test/fixtures/traces', `${name}.json.gz`);
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8'));
}
