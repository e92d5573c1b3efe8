import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Owner } from '../../support/owner.ts';

/** The path from dist/test/bench/servers. */
const root = join(import.meta.dirname, '../../../..');

/**
 * Builds another revision in a temporary git worktree, which is removed when the owner ends. Returns the folder of the
 * build. Uses the packages of this tree if that revision has the same lockfile, and installs its own otherwise.
 */
export function buildRevision(revision: string, owner: Owner): string {
  const own = mkdtempSync(join(tmpdir(), 'quire-revision-'));
  const folder = join(own, 'tree');
  const git = (...args: string[]): void => void execFileSync('git', args, { cwd: root, stdio: 'pipe' });
  owner.after(() => {
    // Removes the link first. Otherwise the packages of this tree would be removed as well.
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
    git('worktree', 'remove', '--force', folder);
    rmSync(own, { recursive: true });
  });
  git('worktree', 'add', '--detach', folder, revision);
  if (lockfileOf(folder) === lockfileOf(root)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  else execFileSync('npm', ['ci'], { cwd: folder, stdio: 'inherit' });
  execFileSync('npx', ['tsc'], { cwd: folder, stdio: 'inherit' });
  return join(folder, 'dist');
}

function lockfileOf(tree: string): string {
  return readFileSync(join(tree, 'package-lock.json'), 'utf8');
}
