import type { Refusal, SavedState } from './client/client.ts';

/** All that the status line is made of. */
export interface Facts {
  readonly refusal: Refusal | null;
  /** The person has gone offline by the switch. */
  readonly offlineByChoice: boolean;
  readonly connected: boolean;
  /** A try to connect has failed, or a connection was lost, and none was made since. */
  readonly lost: boolean;
  readonly synced: boolean;
  readonly saved: Pick<SavedState, 'saved'>;
  /** The browser's own copy works: in some private windows it does not. */
  readonly keptHere: boolean;
}

export type StatusState = 'connecting' | 'offline' | 'syncing' | 'saving' | 'saved' | 'refused';

export interface Status {
  readonly state: StatusState;
  readonly headline: string;
  readonly detail: string;
  /** What the button beside it does, if anything can be done. */
  readonly action: 'retry' | 'discard' | null;
}

/** One honest line: the first of these that holds. "Saved" is the last, so nothing can stand against it. */
export function statusOf(facts: Facts): Status {
  const { refusal, saved } = facts;
  if (refusal) return { state: 'refused', headline: `Refused: ${refusal.reason}.`, ...whatToDo(refusal.code) };
  if (!facts.connected && (facts.offlineByChoice || facts.lost)) {
    const cause = facts.offlineByChoice ? 'Offline.' : 'Offline, retrying.';
    if (!facts.keptHere) return status('offline', cause, 'Edits are only in this tab: keep it open.');
    if (saved.saved) return status('offline', cause, 'All is saved, new edits are kept here.');
    return status('offline', cause, 'Your edits are kept in this browser.');
  }
  if (!facts.connected) return status('connecting', 'Connecting…', '');
  if (!facts.synced) return status('syncing', 'Syncing…', '');
  if (!saved.saved) return status('saving', 'Saving…', '');
  return status('saved', 'Saved', 'on the server’s disk');
}

function status(state: StatusState, headline: string, detail: string): Status {
  return { state, headline, detail, action: null };
}

/** By close code: see docs/protocol.md. */
function whatToDo(code: number): Pick<Status, 'detail' | 'action'> {
  switch (code) {
    case 4401:
      return { detail: 'Sign in again, then try again.', action: 'retry' };
    case 4403:
      return { detail: 'Ask its owner for access. What you typed is only in this browser.', action: 'discard' };
    case 4404:
    case 4409:
      return { detail: 'Copy what you still need, then discard the copy in this browser.', action: 'discard' };
    case 1009:
    case 4413:
      return { detail: 'Undo what was too large, then try again.', action: 'retry' };
    default:
      return { detail: 'Copy your text to a safe place and reload the page.', action: 'retry' };
  }
}
