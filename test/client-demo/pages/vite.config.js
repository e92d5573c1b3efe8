import { join } from 'node:path';
import { defineConfig } from 'vite';

const client = join(import.meta.dirname, '../../../client-demo/client/dist/client.js');

export default defineConfig({
  root: import.meta.dirname,
  build: { target: 'es2022', chunkSizeWarningLimit: 10_000 },
  // One Yjs for all: two copies on a page do not know each other's types.
  resolve: { dedupe: ['yjs', 'y-protocols', 'lib0'], alias: { 'quire-client': client } },
});
