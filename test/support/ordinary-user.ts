import { chownSync } from 'node:fs';

/** The user `nobody` of every Linux, even if no account has this number. */
const ordinaryId = 65_534;

/**
 * Gives this process an ordinary user, permanently. File permissions do not apply to root, so a test of them would
 * prove nothing. A test that calls this needs a file of its own, and must have loaded all modules. `folder` is given to
 * that user, but not the files in it.
 */
export function becomeOrdinaryUser(folder: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(folder, ordinaryId, ordinaryId);
  process.setgroups?.([]);
  process.setgid?.(ordinaryId);
  process.setuid?.(ordinaryId);
}
