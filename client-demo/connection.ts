import { IndexeddbPersistence } from 'y-indexeddb';
import { WebsocketProvider } from 'y-websocket';
import { Doc } from 'yjs';
import { guardPresence, trackSaved, type SavedTracker } from './client/client.ts';

/** One document in this tab: the stock provider, a copy in the browser, and whether the server has it on disk. */
export interface Connection {
  readonly doc: Doc;
  readonly provider: WebsocketProvider;
  readonly saved: SavedTracker;
  readonly copy: IndexeddbPersistence;
}

/** wss where the page came by https. On a plain page of this machine, ws. */
export function syncAddress(): string {
  const url = new URL('sync', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  return url.href;
}

/** The provider puts the name into an address as it is, so it must be encoded before. */
export function connect(name: string): Connection {
  const doc = new Doc();
  const copy = new IndexeddbPersistence(`quire/${name}`, doc);
  const provider = new WebsocketProvider(syncAddress(), encodeURIComponent(name), doc);
  // Before anything on the page reads what other people are said to be.
  guardPresence(provider.awareness);
  return { doc, provider, saved: trackSaved(provider), copy };
}
