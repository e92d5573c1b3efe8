import { readFile } from 'node:fs/promises';

/**
 * Files of the database, worker threads, listeners and Node itself. LevelDB maps its tables, which takes no
 * descriptors.
 */
const filesBesideConnections = 200;

/**
 * How many files this process may open; null if the system does not say. Node has already raised it to the hard limit.
 */
export async function openFilesLimit(): Promise<number | null> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** How many sockets leave enough files for the database. Without free files no edit could be committed. */
export function socketsWithin(openFiles: number): number {
  return Math.max(1, openFiles - filesBesideConnections);
}

/** How many of those sockets may be WebSockets. The rest is for HTTP requests, and for refusing further clients. */
export function webSocketsAmong(sockets: number): number {
  return Math.ceil(sockets * 0.9);
}
