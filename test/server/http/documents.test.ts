import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hono } from 'hono';
import { pino } from 'pino';
import { serveDocuments } from '../../../server/http/documents.ts';
import { limitReached } from '../../../server/errors.ts';
import { NetStats } from '../../../server/net/stats.ts';

test('a deletion refused by a limit is counted under the name of the limit (I8)', async () => {
  const app = new Hono();
  const stats = new NetStats();
  serveDocuments(app, {
    logger: pino({ level: 'silent' }),
    stats,
    checkOrigin: () => {},
    documentNameOf: (encoded) => encoded,
    admitAdmin: () => Promise.resolve('admin'),
    deleteDocument: () => Promise.reject(limitReached('room-memory')),
  });
  app.onError((_, c) => c.body(null, 503));
  await app.request('/documents/doc', { method: 'DELETE' }, { incoming: { url: '/documents/doc' } });
  assert.equal(stats.limitsReached.get('room-memory'), 1);
  assert.equal(stats.deletionsRefused.get('overloaded'), 1);
});
