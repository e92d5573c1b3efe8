import { realpathSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Something that watches until it is told not to. */
export interface Watch {
  close(): void;
}

/**
 * Calls `changed` whenever something happens in the folders in which the files lie, by name and behind symbolic links:
 * a mounted secret is swapped by the link of its folder, certbot swaps the file's own, others write into the file. It may call
 * too often. A folder that cannot be watched is left out: whoever must not miss a change also looks from time to time.
 */
export function watchFolders(paths: readonly string[], changed: () => void): Watch {
  const watchers = [...new Set(paths.flatMap(foldersOf))].flatMap((folder) => {
    try {
      const watcher = watch(folder, { persistent: false }, changed);
      // The folder was removed, say.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
  return {
    close() {
      for (const watcher of watchers) watcher.close();
    },
  };
}

function foldersOf(path: string): string[] {
  try {
    return [dirname(path), dirname(realpathSync(path))];
  } catch {
    // Just now there is no such file.
    return [dirname(path)];
  }
}
