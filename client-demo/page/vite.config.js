import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // Relative URLs, so that the page also works under a path of a proxy.
  base: './',
  build: {
    outDir: '../../dist/client-demo/site',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // Inlines nothing, because the Content-Security-Policy forbids data: URLs.
    assetsInlineLimit: 0,
    // The editor and Yjs are 170 KB over the wire, and both are needed at the start.
    chunkSizeWarningLimit: 600,
  },
  // `npm run dev` serves the page with hot reload. The documents come from a server that `npm start` runs.
  server: { proxy: { '/sync': { target: 'ws://127.0.0.1:8080', ws: true } } },
});
