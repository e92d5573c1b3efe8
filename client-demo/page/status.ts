import type { Refusal, SavedState } from '../client/client.ts';

/** The facts from which the status line is made. */
export interface Facts {
  readonly refusal: Refusal | null;
  /** The user has switched to offline. */
  readonly offlineByChoice: boolean;
  readonly connected: boolean;
  /** The last attempt to connect failed, or the last connection was lost. */
  readonly lost: boolean;
  readonly synced: boolean;
  readonly saved: Pick<SavedState, 'saved'>;
  /** The browser stores a copy of the document. Some private windows do not allow that. */
  readonly keptHere: boolean;
  /** This tab sends a token with each connection. */
  readonly hasToken: boolean;
}

export type StatusState = 'connecting' | 'offline' | 'syncing' | 'saving' | 'saved' | 'refused';

export interface Status {
  readonly state: StatusState;
  readonly headline: string;
  readonly detail: string;
  /** What the button beside the text does; null hides the button. */
  readonly action: 'retry' | 'discard' | null;
  /** Whether the page asks for a token, because another one may be accepted. */
  readonly wantsToken: boolean;
}

/** The first of these that applies. "Saved" is the last, so it never hides a problem. */
export function statusOf(facts: Facts): Status {
  const { refusal, saved } = facts;
  if (refusal) return { state: 'refused', headline: `Refused: ${refusal.reason}.`, ...adviceFor(refusal.code, facts) };
  if (!facts.connected && (facts.offlineByChoice || facts.lost)) {
    const allSaved = facts.keptHere && saved.saved;
    const detail = allSaved ? 'Everything is saved. New edits are kept in this browser.' : whereEditsAre(facts);
    return status('offline', facts.offlineByChoice ? 'Offline.' : 'Offline, retrying.', detail);
  }
  if (!facts.connected) return status('connecting', 'Connecting…', '');
  if (!facts.synced) return status('syncing', 'Syncing…', '');
  if (!saved.saved) return status('saving', 'Saving…', '');
  return status('saved', 'Saved', 'on the server’s disk');
}

function status(state: StatusState, headline: string, detail: string): Status {
  return { state, headline, detail, action: null, wantsToken: false };
}

/** Where the edits are that the server does not have. */
function whereEditsAre({ keptHere }: Facts): string {
  return keptHere ? 'Your edits are kept in this browser.' : 'Edits are only in this tab: keep it open.';
}

/** By close code: see docs/protocol.md. */
function adviceFor(code: number, facts: Facts): Pick<Status, 'detail' | 'action' | 'wantsToken'> {
  switch (code) {
    case 4401: {
      const detail = `Enter a ${facts.hasToken ? 'new token' : 'token'}. ${whereEditsAre(facts)}`;
      return { detail, action: null, wantsToken: true };
    }
    case 4403: {
      const orToken = facts.hasToken ? ', or enter another token' : '';
      const detail = `Ask its owner for access${orToken}. What you typed is only in this browser.`;
      return { detail, action: 'discard', wantsToken: facts.hasToken };
    }
    case 4404:
    case 4409:
      return advice('Copy what you still need, then discard the copy in this browser.', 'discard');
    case 1009:
    case 4413:
      return advice('Undo what was too large, then try again.', 'retry');
    default:
      return advice('Copy your text to a safe place and reload the page.', 'retry');
  }
}

function advice(detail: string, action: Status['action']): Pick<Status, 'detail' | 'action' | 'wantsToken'> {
  return { detail, action, wantsToken: false };
}
