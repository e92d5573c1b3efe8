import type { Connection, ConnectionHandler } from '../connection.ts';
import { Handshake, type HandshakeRequest } from '../session/handshake.ts';
import type { SessionDeps } from '../session/session.ts';
import { yWebsocketCodec } from './y-websocket-codec.ts';

export type YWebsocketDeps = Omit<SessionDeps, 'codec'>;

/** The y-websocket dialect: one connection is one session, in the document that the URL names. */
export class YWebsocket {
  readonly #deps: SessionDeps;

  constructor(deps: YWebsocketDeps) {
    this.#deps = { ...deps, codec: yWebsocketCodec };
  }

  accept(connection: Connection, request: HandshakeRequest): ConnectionHandler {
    return Handshake.start(connection, request, this.#deps);
  }
}
