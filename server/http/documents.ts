import type { IncomingMessage } from 'node:http';
import type { Hono } from 'hono';
import { RefusedError, toRefusal } from '../errors.ts';
import type { RefusalCode } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';
import type { Logger } from '../logger.ts';
import { requestOf } from './http.ts';

export interface DocumentsDeps {
  readonly logger: Logger;
  readonly stats: {
    readonly deletionsRefused: Map<RefusalCode, number>;
    readonly limitsReached: Map<LimitName, number>;
  };
  /** Throws RefusedError for a page of another origin, which could otherwise use its user's network. */
  checkOrigin(request: IncomingMessage): void;
  /** The document name in a raw request target. Throws RefusedError 'bad-document-name'. */
  documentNameOf(encoded: string): string;
  /** Resolves with the user's id if the request comes from an administrator, else rejects with RefusedError. */
  admitAdmin(request: IncomingMessage, docId: string): Promise<string>;
  /** See `Rooms.delete`. */
  deleteDocument(docId: string): Promise<boolean>;
}

const path = '/documents/';

/** The HTTP API on documents, for administrators: `DELETE /documents/<name>`, with the name in any URL encoding. */
export function serveDocuments(app: Hono, deps: DocumentsDeps): void {
  app.delete(`${path}*`, async (c) => {
    try {
      await deleteDocument(requestOf(c), deps);
    } catch (error) {
      const { code, message, limit } = toRefusal(error);
      const { deletionsRefused, limitsReached } = deps.stats;
      if (limit !== null) limitsReached.set(limit, (limitsReached.get(limit) ?? 0) + 1);
      deletionsRefused.set(code, (deletionsRefused.get(code) ?? 0) + 1);
      deps.logger.info({ error: code, reason: message }, 'deletion refused');
      throw error;
    }
    return c.body(null, 204);
  });
  app.all(`${path}*`, (c) =>
    c.json({ error: 'method-not-allowed', reason: 'only DELETE is supported here' }, 405, { Allow: 'DELETE' }),
  );
}

async function deleteDocument(request: IncomingMessage, deps: DocumentsDeps): Promise<void> {
  deps.checkOrigin(request);
  const docId = deps.documentNameOf(encodedName(request.url ?? ''));
  const userId = await deps.admitAdmin(request, docId);
  if (!(await deps.deleteDocument(docId))) throw new RefusedError('not-found', 'there is no such document');
  deps.logger.info({ docId, userId }, 'document deleted');
}

/** Uses the raw target. A parsed URL loses dots and backslashes, and would name another document. */
function encodedName(target: string): string {
  if (!target.startsWith(path)) throw new RefusedError('bad-document-name');
  const question = target.indexOf('?');
  return target.slice(path.length, question === -1 ? undefined : question);
}
