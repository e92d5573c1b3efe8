import type { Launch } from '../../support/server-process.ts';

/**
 * The protocol of the clients. `relay`: no join, every message goes to all clients. `hocuspocus`: every message begins
 * with the document's name, and the first one contains a token.
 */
export type Dialect = 'relay' | 'y-websocket' | 'hocuspocus';

export interface Place {
  readonly port: number;
  readonly dataFolder: string;
}

/** The paths of a certificate and its key (PEM). */
export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

/** A kind of server that is measured: how it is started, and what it supports. It listens on 127.0.0.1. */
export interface Server {
  readonly dialect: Dialect;
  /** The path before the name of a document in the URL. */
  readonly path: '' | '/sync';
  /** Whether documents survive a restart. */
  readonly persists: boolean;
  launch(place: Place): Launch;
  /** The same with TLS; null if the server needs a proxy for it. */
  readonly launchTls: ((place: Place, certificate: Certificate) => Launch) | null;
  /** Matches the line that it prints once it listens. */
  readonly listening: RegExp;
}
