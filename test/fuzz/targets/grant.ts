import assert from 'node:assert/strict';
import type { Grant } from '../../../server/sync/grant.ts';

/** Asserts what holds for every grant of any authenticator. */
export function checkGrant(grant: Grant, docId: string, nowMs: number): void {
  assert.equal(grant.docId, docId, 'a grant for another document');
  assert.ok(['read', 'write'].includes(grant.access), 'a grant for nothing');
  assert.ok(grant.untilMs !== null && grant.untilMs > nowMs, 'a grant that has ended');
  assert.ok(Number.isFinite(new Date(grant.untilMs).getTime()), 'a grant that ends at no time');
  for (const text of [grant.userId, grant.person?.name, grant.person?.color, grant.tokenId]) {
    if (text === null || text === undefined) continue;
    assert.ok(typeof text === 'string' && text !== '' && text.length <= 256, 'a text that is not allowed');
  }
}
