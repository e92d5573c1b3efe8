import { chownSync } from 'node:fs';

/** "nobody" on every Linux, also where no account has that number. */
const ordinaryId = 65_534;

/**
 * Makes this process one of a user who may not read and write everything, for good. File permissions mean nothing to root,
 * so a test of them would prove nothing. A test that calls this stands in a file of its own, and has loaded every module
 * that it needs. `folder` is given to that user; what lies in it is not.
 */
export function becomeOrdinaryUser(folder: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(folder, ordinaryId, ordinaryId);
  process.setgroups?.([]);
  process.setgid?.(ordinaryId);
  process.setuid?.(ordinaryId);
}
