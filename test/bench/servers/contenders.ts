import { durableRelay, frameRelay, relay } from './floors.ts';
import { hocuspocus, yWebsocket, yWebsocketServer } from './peers.ts';
import { quire } from './quire.ts';
import type { Server } from './server.ts';

/** One column of the comparison. */
export interface Contender {
  readonly name: string;
  /** A floor does less than a server must. A peer is another server in use today. */
  readonly kind: 'floor' | 'peer' | 'ours';
  readonly server: Server;
}

export const floors: readonly Contender[] = [
  { name: 'relay', kind: 'floor', server: relay },
  { name: 'frame-relay', kind: 'floor', server: frameRelay },
  { name: 'durable-relay', kind: 'floor', server: durableRelay },
];

export const peers: readonly Contender[] = [
  { name: 'y-websocket', kind: 'peer', server: yWebsocket },
  { name: '@y/websocket-server', kind: 'peer', server: yWebsocketServer },
  { name: 'hocuspocus', kind: 'peer', server: hocuspocus },
];

export const quireFsync: Contender = { name: 'quire', kind: 'ours', server: quire('fsync') };
export const quireWrite: Contender = { name: 'quire-write', kind: 'ours', server: quire('write') };
