import { fileURLToPath } from 'node:url';
import type { Server } from './server.ts';

/** Servers that only send every message to all clients in its room, without Yjs and without a disk. */
export const relay = floor('relay.js');
export const frameRelay = floor('frame-relay.js');
/** The same, but every message is on disk before any client receives it. */
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
