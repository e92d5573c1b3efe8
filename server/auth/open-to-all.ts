import type { Grant } from '../sync/grant.ts';
import type { Authenticator } from './authenticator.ts';

/** Without authentication: everybody may write, and is who they say. */
export const openToAll: Authenticator = {
  authenticate: ({ docId }) => Promise.resolve(everything(docId)),
  recheck: null,
};

function everything(docId: string): Grant {
  return { userId: '', person: null, docId, access: 'write', untilMs: null, tokenId: null };
}
