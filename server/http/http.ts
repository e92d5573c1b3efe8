import type { IncomingMessage } from 'node:http';
import { RequestError } from '@hono/node-server';
import { Hono } from 'hono';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { LogState } from '../../persistence/update-log.ts';
import type { CertificateReport } from '../tls/certificate-health.ts';
import { httpStatus, RefusedError, toRefusal } from '../errors.ts';
import type { RefusalCode } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { serveDemo } from './demo.ts';
import type { Demo } from './demo.ts';

export interface HttpDeps {
  readonly logger: Logger;
  readonly registry: MetricRegistry;
  /** The demo page; null if it is turned off or was not built. */
  readonly demo: Demo | null;
  logState(): LogState;
  /** Whether the client may read metrics. */
  mayReadMetrics(request: IncomingMessage): boolean;
  /** The certificates in use; empty without TLS. */
  certificates(): readonly CertificateReport[];
  /** Whether to tell browsers to use TLS only. */
  readonly strictTransport: boolean;
  /** True as soon as the server begins to stop. */
  isStopping(): boolean;
}

interface HttpStats {
  readonly stats: { readonly requestsUnreadable: Map<RefusalCode, number> };
}

/** Node's request below a request of Hono: @hono/node-server passes it with the bindings. */
export function requestOf({ env }: Context): IncomingMessage {
  return (env as { readonly incoming: IncomingMessage }).incoming;
}

/** Half a year: long enough for browsers to take it seriously, and still an end if it was set by mistake. */
const strictTransportSeconds = 180 * 24 * 3_600;

const landingPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Quire</title>
<h1>Quire</h1>
<p>This is a sync server for Yjs documents. Editors connect to <code>/sync/&lt;document&gt;</code> with y-websocket.</p>
`;

/** Makes the handler of all HTTP requests. */
export function createHttp(deps: HttpDeps): Hono {
  const app = new Hono();

  app.use(async (c, next) => {
    await next();
    c.header('X-Content-Type-Options', 'nosniff');
    if (deps.strictTransport) c.header('Strict-Transport-Security', `max-age=${strictTransportSeconds}`);
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
  });
  if (deps.demo) serveDemo(app, deps.demo);
  else app.get('/', (c) => c.html(landingPage, 200, { 'Content-Security-Policy': "default-src 'none'" }));

  // Liveness: the process answers. Storage is not checked, because a restart would not help against a full disk.
  app.get('/healthz', (c) => c.json({ status: 'ok' }));

  // Ready: new clients should come here. A read-only server still serves every document.
  app.get('/readyz', (c) => {
    const storage = deps.logState();
    const certificates = deps.certificates();
    // A late renewal is reported but does not make the server unready, nor does one expired certificate among several.
    const expired = certificates.length > 0 && certificates.every(({ health }) => health === 'expired');
    const ready = !deps.isStopping() && !expired && (storage === 'open' || storage === 'read-only');
    return c.json(
      {
        status: ready ? 'ready' : 'not ready',
        storage,
        stopping: deps.isStopping(),
        certificates: certificates.map(({ names, notAfterMs, health, kind }) => ({
          names,
          notAfter: health === 'pending' ? null : new Date(notAfterMs).toISOString(),
          health,
          // A placeholder already has the health `pending`.
          ...(kind === 'staging' || kind === 'development' ? { kind } : {}),
        })),
      },
      ready ? 200 : 503,
    );
  });

  app.get('/metrics', async (c) => {
    if (!deps.mayReadMetrics(requestOf(c))) throw new RefusedError('forbidden', 'not for this address');
    return c.body(await deps.registry.text(), 200, { 'Content-Type': deps.registry.contentType });
  });

  app.all('/sync/*', () => {
    throw new RefusedError('bad-upgrade', 'documents are served over WebSocket');
  });
  app.notFound((c) => c.json({ error: 'not-found', reason: `there is nothing at ${c.req.path}` }, 404));
  app.onError((error, c) => {
    const refusal = toRefusal(error);
    if (refusal.code === 'internal') deps.logger.error({ err: error, path: c.req.path }, 'http request failed');
    if (refusal.retryAfterSeconds !== null) c.header('Retry-After', String(refusal.retryAfterSeconds));
    const status = httpStatus(refusal.code) as ContentfulStatusCode;
    return c.json({ error: refusal.code, reason: refusal.message }, status);
  });
  return app;
}

/** Answers a request whose target or Host header is not a valid URL, such as `OPTIONS *`. Hono never sees it. */
export function answerWithoutUrl(error: unknown, { logger, stats }: Pick<HttpDeps, 'logger'> & HttpStats): Response {
  const isBad = error instanceof RequestError;
  const refusal = isBad
    ? new RefusedError('bad-request', `not a request for a URL: ${error.message}`)
    : toRefusal(error);
  const { code, message: reason } = refusal;
  if (isBad) {
    stats.requestsUnreadable.set(code, (stats.requestsUnreadable.get(code) ?? 0) + 1);
    logger.info({ error: code, err: reason }, 'request not readable');
  } else logger.error({ err: error }, 'http request failed');
  const headers = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  return Response.json({ error: code, reason }, { status: httpStatus(code), headers });
}
