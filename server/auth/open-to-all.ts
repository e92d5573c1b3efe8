import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { Authenticator } from './authenticator.ts';

/**
 * Without authentication: everybody may write, and is who they say. Nobody is an administrator: what they do cannot be
 * undone, and behind a proxy all strangers come from this machine.
 */
export const openToAll: Authenticator = {
  authenticate: ({ docId }) => Promise.resolve(everything(docId)),
  authenticateAdmin: () =>
    Promise.reject(new AccessError('forbidden', 'without authentication nobody is an administrator')),
  recheck: null,
  waitingChecks: 0,
};

function everything(docId: string): Grant {
  return { userId: '', person: null, docId, access: 'write', untilMs: null, tokenId: null };
}
