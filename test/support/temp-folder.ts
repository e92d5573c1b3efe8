import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Owner } from './owner.ts';

/** Creates an empty folder, which is removed when its owner ends. */
export function tempFolder(owner: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'quire-'));
  owner.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
