import type { RefusedError } from '../errors.ts';
import type { Connection, ConnectionHandler } from './connection.ts';
import type { Grant } from './grant.ts';
import type { Offload } from './offload.ts';
import type { Rooms } from './rooms.ts';
import { Session, type SessionLimits } from './session.ts';
import type { SyncStats } from './stats.ts';
import { yWebsocketCodec } from './y-websocket-codec.ts';

export interface YWebsocketDeps {
  readonly rooms: Rooms;
  readonly offload: Offload;
  readonly stats: SyncStats;
  readonly limits: SessionLimits;
  authorize(): Promise<Grant>;
  live(grant: Grant): void;
  refused(refusal: RefusedError): void;
}

/** The y-websocket dialect: one connection is one session, in the document that the URL names. */
export function acceptYWebsocket(connection: Connection, deps: YWebsocketDeps): ConnectionHandler {
  const session = new Session({ ...deps, connection, codec: yWebsocketCodec });
  void session.start();
  return {
    message: (data) => session.message(data),
    drained: () => session.socketDrained(),
    closed: () => session.socketClosed(),
  };
}
