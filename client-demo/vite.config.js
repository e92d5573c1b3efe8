import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses, so that the page also works below a path of a proxy.
  base: './',
  build: {
    outDir: '../dist/client-demo/site',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // Everything is a file of its own: the Content-Security-Policy forbids data: addresses.
    assetsInlineLimit: 0,
    // 170 KB over the wire: an editor and Yjs, needed at once.
    chunkSizeWarningLimit: 600,
  },
  // `npm run dev` shows the page with reloading; documents come from a server started with `npm start`.
  server: { proxy: { '/sync': { target: 'ws://127.0.0.1:8080', ws: true } } },
});
