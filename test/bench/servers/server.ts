import type { Launch } from '../../support/server-process.ts';

/**
 * How its clients speak. `relay`: nothing to join, every message goes to all. `hocuspocus`: every message begins with the
 * document's name, and the first one shows a token.
 */
export type Dialect = 'relay' | 'y-websocket' | 'hocuspocus';

export interface Place {
  readonly port: number;
  readonly dataFolder: string;
}

/** Certificate and key, PEM files. */
export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

/** A kind of server that is measured: how it is started, and what it can do. It listens on 127.0.0.1. */
export interface Server {
  readonly dialect: Dialect;
  /** What comes before the name of a document in its address. */
  readonly path: '' | '/sync';
  /** Whether documents are there again after a restart. */
  readonly persists: boolean;
  launch(place: Place): Launch;
  /** The same with TLS of its own; null if it needs a proxy for that. */
  readonly launchTls: ((place: Place, certificate: Certificate) => Launch) | null;
  /** Matches the line that it prints once it listens. */
  readonly listening: RegExp;
}
