import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hono } from 'hono';
import { loadDemo, serveDemo } from '../../../server/http/demo.ts';
import { builtSite } from '../../support/built-page.ts';
import { Quire } from '../../support/quire.ts';
import { StockClient } from '../../support/stock-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function demoApp(): Promise<{ app: Hono; paths: string[] }> {
  const demo = await loadDemo(builtSite);
  assert.ok(demo, 'npm run build makes the page');
  const app = new Hono();
  serveDemo(app, demo);
  return { app, paths: [...demo.keys()] };
}

test('the page has a strict Content-Security-Policy and is revalidated each time; its assets are cached for good', async () => {
  const { app, paths } = await demoApp();
  const page = await app.request('/');
  assert.equal(page.status, 200);
  assert.match(page.headers.get('Content-Type')!, /^text\/html/);
  assert.equal(page.headers.get('Cache-Control'), 'no-cache');
  const policy = page.headers.get('Content-Security-Policy')!;
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);

  const html = await page.text();
  const assets = paths.filter((path) => path.startsWith('/assets/'));
  assert.ok(assets.some((path) => html.includes(`.${path}`)));
  for (const path of assets) {
    const asset = await app.request(path);
    assert.match(asset.headers.get('Cache-Control')!, /immutable/);
    assert.doesNotMatch(asset.headers.get('Content-Type')!, /octet-stream/, path);
  }
});

test('an unchanged page is answered with 304', async () => {
  const { app } = await demoApp();
  const etag = (await app.request('/')).headers.get('ETag')!;
  const again = await app.request('/', { headers: { 'If-None-Match': etag } });
  assert.equal(again.status, 304);
  assert.equal(await again.text(), '');
});

test('all files of the page take less than 300 KB gzipped', async () => {
  const { app, paths } = await demoApp();
  let bytes = 0;
  for (const path of paths.filter((path) => path !== '/index.html')) {
    const answer = await app.request(path, { headers: { 'Accept-Encoding': 'gzip, br' } });
    assert.equal(answer.headers.get('Content-Encoding'), 'gzip');
    bytes += (await answer.arrayBuffer()).byteLength;
  }
  assert.ok(bytes < 300_000, `${bytes} bytes`);
});

test('without a built page the server starts and serves none', async (t) => {
  assert.equal(await loadDemo(tempFolder(t)), null);
});

test('a file is sent in small pieces, of bytes that all answers share (I7)', async () => {
  const { app, paths } = await demoApp();
  const path = paths.find((each) => each.startsWith('/assets/') && each.endsWith('.js'))!;
  const buffers = new Set<ArrayBufferLike>();
  for (let answer = 0; answer < 2; answer++) {
    const response = await app.request(path);
    let bytes = 0;
    for await (const piece of response.body as ReadableStream<Uint8Array>) {
      assert.ok(piece.length <= 32 * 1024, `a piece of ${piece.length} bytes`);
      buffers.add(piece.buffer);
      bytes += piece.length;
    }
    assert.equal(bytes, Number(response.headers.get('Content-Length')));
  }
  assert.equal(buffers.size, 1);
});

test('with --demo off there is no page and none of its files, and editors connect all the same', async (t) => {
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral', '--demo', 'off'] });
  const root = await fetch(quire.httpUrl);
  assert.equal(root.status, 200);
  assert.match(await root.text(), /This is a sync server for Yjs documents/);
  const demo = await loadDemo();
  assert.ok(demo);
  for (const path of demo.keys()) {
    if (path !== '/') assert.equal((await fetch(`${quire.httpUrl}${path}`)).status, 404, path);
  }
  const client = new StockClient(quire.url, 'doc');
  t.after(() => client.destroy());
  await client.synced();
});
