import { IndexeddbPersistence } from 'y-indexeddb';
import { WebsocketProvider } from 'y-websocket';
import { Doc } from 'yjs';
import { guardPresence, trackSaved } from '../client/client.ts';
import type { SavedTracker } from '../client/client.ts';
import { useToken } from './token.ts';

/** Message type of the protocol: an edit was dropped, because this client may only read. */
export const permissionDenied = 2;

/** One document in this tab: the stock provider, the browser's copy, and whether the server has it on disk. */
export interface Connection {
  readonly doc: Doc;
  readonly provider: WebsocketProvider;
  readonly saved: SavedTracker;
  readonly copy: IndexeddbPersistence;
}

/** The URL of the sync server: wss for a page loaded over https, otherwise ws. */
export function syncAddress(): string {
  const url = new URL('sync', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  return url.href;
}

/** Opens a document, with a token unless that is null. */
export function connect(name: string, token: string | null): Connection {
  const doc = new Doc();
  const copy = new IndexeddbPersistence(`quire/${name}`, doc);
  // The provider puts the name into a URL without encoding it.
  const provider = new WebsocketProvider(syncAddress(), encodeURIComponent(name), doc, { connect: false });
  // Before anything on the page reads the states of other clients.
  guardPresence(provider.awareness);
  if (token !== null) useToken(provider, token);
  provider.connect();
  return { doc, provider, saved: trackSaved(provider), copy };
}
