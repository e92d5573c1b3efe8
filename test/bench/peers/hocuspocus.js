/** Hocuspocus with its defaults and its SQLite extension: `node hocuspocus.js <port> <folder>`. */
import { join } from 'node:path';
import { SQLite } from '@hocuspocus/extension-sqlite';
import { Server } from '@hocuspocus/server';

const server = new Server({
  address: '127.0.0.1',
  port: Number(process.argv[2]),
  quiet: true,
  extensions: [new SQLite({ database: join(process.argv[3], 'documents.sqlite') })],
});
await server.listen();
console.log(`hocuspocus listening on ${server.address.port}`);
