import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { Authenticator } from './authenticator.ts';

/**
 * No authentication: every client may write, and its identity is not checked. There are no administrators, because
 * their actions cannot be undone and behind a proxy every client seems to come from this machine.
 */
export const openToAll: Authenticator = {
  authenticate: ({ docId }) => Promise.resolve(everything(docId)),
  authenticateAdmin: () =>
    Promise.reject(new AccessError('forbidden', 'without authentication there are no administrators')),
  recheck: null,
  waitingChecks: 0,
};

function everything(docId: string): Grant {
  return { userId: '', person: null, docId, access: 'write', untilMs: null, tokenId: null };
}
