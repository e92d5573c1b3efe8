import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Options for `test` that skip a test that mounts a file system, if this process may not mount, as in most containers.
 */
export function needsMounting(): { readonly skip: string | false } {
  const folder = mkdtempSync(join(tmpdir(), 'quire-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status === 0;
  if (mounted) spawnSync('umount', ['-l', folder]);
  rmdirSync(folder);
  return { skip: mounted ? false : 'mounting a file system needs root' };
}

/** Options for `test` that skip a test whose child has its own mounts (`unshare --mount`), if that is not allowed. */
export function needsOwnMounts(): { readonly skip: string | false } {
  const allowed = spawnSync('unshare', ['--mount', 'mount', '--version']).status === 0;
  return { skip: allowed ? false : 'a process with mounts of its own needs root, and unshare of util-linux' };
}
