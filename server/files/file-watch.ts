import { realpathSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** A running watch. */
export interface Watch {
  stop(): void;
}

/**
 * Calls `changed` after each event in the folders of the files, and in the folders to which symbolic links lead: a
 * mounted secret is replaced by the link of its folder, certbot replaces the link of the file, other programs write
 * into the file. There may be calls without a change. A folder that cannot be watched is skipped, so a caller that must
 * not miss a change also polls.
 */
export function watchFolders(paths: readonly string[], changed: () => void): Watch {
  const watchers = [...new Set(paths.flatMap(foldersOf))].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, changed);
      // For example, the folder was removed.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
  return {
    stop() {
      for (const watcher of watchers) watcher.close();
    },
  };
}

function foldersOf(path: string): string[] {
  try {
    return [dirname(path), dirname(realpathSync(path))];
  } catch {
    // The file does not exist at the moment.
    return [dirname(path)];
  }
}
