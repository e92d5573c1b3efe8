import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context, Hono } from 'hono';

/** One file of the demo page. */
interface DemoFile {
  readonly plain: Uint8Array<ArrayBuffer>;
  /** Compressed at the first request. Most servers never show the page, and it must not slow down the start. */
  gzipped(): Promise<Uint8Array<ArrayBuffer>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** The files of the demo page by request path. A few hundred kilobytes, kept in memory. */
export type Demo = ReadonlyMap<string, DemoFile>;

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** Allows only content from this server: no inline script or style, and no frame around the page. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  // Includes WebSockets of the same host and port.
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** How many bytes of a file are passed to a socket at a time. */
const pieceBytes = 32 * 1024;

const compress = promisify(gzip);
const builtPage = fileURLToPath(new URL('../../client-demo/site', import.meta.url));

/** Reads the built page. Resolves with null if it was not built; the server works without it. */
export async function loadDemo(folder: string = builtPage): Promise<Demo | null> {
  const demo = new Map<string, DemoFile>();
  for (const path of await filesIn(folder)) {
    const plain = new Uint8Array(await readFile(join(folder, path)));
    demo.set(`/${path.replaceAll(sep, '/')}`, {
      plain,
      gzipped: once(async () => new Uint8Array(await compress(plain))),
      headers: headersOf(path, plain),
    });
  }
  const page = demo.get('/index.html');
  if (!page) return null;
  demo.set('/', page);
  return demo;
}

/** Adds the routes of the page and its files. */
export function serveDemo(app: Hono, demo: Demo): void {
  for (const [path, file] of demo) app.get(path, (c) => answer(c, file));
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

async function answer(c: Context, { plain, gzipped, headers }: DemoFile): Promise<Response> {
  if (c.req.header('If-None-Match') === headers['ETag']) return c.body(null, 304, { ...headers });
  const isGzipped = /\bgzip\b/.test(c.req.header('Accept-Encoding') ?? '');
  const bytes = isGzipped ? await gzipped() : plain;
  return c.body(inPieces(bytes), 200, {
    ...headers,
    'Content-Length': String(bytes.length),
    ...(isGzipped ? { 'Content-Encoding': 'gzip' } : {}),
  });
}

/**
 * A body that shares its bytes with other answers. A `Response` would copy the buffer, and TLS would encrypt all of it
 * at once.
 */
function inPieces(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      pull: (controller) => {
        if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + pieceBytes));
        at += pieceBytes;
        if (at >= bytes.length) controller.close();
      },
    },
    // Make a piece only when the socket asks for it.
    { highWaterMark: 0 },
  );
}

function headersOf(path: string, bytes: Uint8Array): Record<string, string> {
  // Names of assets contain a hash of their content, so a new version has a new name.
  const isAsset = path.startsWith('assets');
  return {
    'Content-Type': contentTypes[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': isAsset ? 'public, max-age=31536000, immutable' : 'no-cache',
    'Content-Security-Policy': contentSecurityPolicy,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    Vary: 'Accept-Encoding',
    // Weak, because it is the same for both encodings.
    ETag: `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
  };
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true });
    return entries.filter((path) => extname(path) !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
