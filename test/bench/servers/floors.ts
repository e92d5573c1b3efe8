import { fileURLToPath } from 'node:url';
import type { Server } from './server.ts';

/** Send every message to everybody in its room, and do nothing else: no Yjs, no disk. */
export const relay = floor('relay.js');
export const frameRelay = floor('frame-relay.js');
/** The same, with every message on disk before anybody gets it. */
export const durableRelay = floor('durable-relay.js');

function floor(script: string): Server {
  return {
    dialect: 'relay',
    path: '',
    persists: false,
    launch: ({ port, dataFolder }) => ({
      script: fileURLToPath(new URL(`../floors/${script}`, import.meta.url)),
      args: [String(port), dataFolder],
    }),
    launchTls: null,
    listening: /^relay listening on/,
  };
}
