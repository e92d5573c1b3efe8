import { readFile } from 'node:fs/promises';

/** Of the database, of worker threads, of listeners and of Node itself. LevelDB maps its tables, which takes no descriptors. */
export const filesBesideConnections = 200;

/** How many files a process of this user may open; null if the system does not say. Node has raised it as far as it may. */
export async function openFilesLimit(): Promise<number | null> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** How many sockets of all kinds leave enough files for the database: without any, no edit could be committed. */
export function socketsWithin(openFiles: number): number {
  return Math.max(1, openFiles - filesBesideConnections);
}

/** How many of those sockets may be WebSockets; the rest is for requests, and for telling who is one too many. */
export function webSocketsAmong(sockets: number): number {
  return Math.ceil(sockets * 0.9);
}
