import { SilenceError } from './deadline.ts';
import type { Examination } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';
import { ClosedError, DeniedError, firstAnswerMs, StrangeMessageError } from './sync-client.ts';

const closings: Readonly<Record<number, FindingCode>> = {
  4400: 'sync-refused',
  4403: 'sync-forbidden',
  4404: 'sync-deleted',
  4409: 'sync-deleted',
  4501: 'sync-grant-ended',
  4503: 'sync-storage',
  4529: 'sync-limit',
  1006: 'sync-cut',
  1011: 'sync-internal',
  1012: 'sync-restarting',
  1013: 'sync-busy',
};

const strange = {
  text: 'sync-text',
  echo: 'sync-echo',
  unreadable: 'sync-not-yjs',
  frame: 'sync-bad-frame',
} as const;

/** Why there was no answer to a sync message. Throws on what is no failure of the connection. */
export function syncFailure(error: unknown, { target, deps }: Examination, document: string, heard: boolean): Finding {
  if (error instanceof SilenceError) {
    return finding(heard ? 'sync-no-answer' : 'sync-silent', { seconds: firstAnswerMs(deps) / 1000 });
  }
  if (error instanceof StrangeMessageError) return finding(strange[error.kind], { reason: error.message });
  if (error instanceof DeniedError) return finding('sync-denied', { reason: error.message });
  if (!(error instanceof ClosedError)) throw error;
  const { closeCode, reason } = error;
  const facts = { document, closeCode, reason: reason || 'no reason is given' };
  if (closeCode === 4401) return finding(target.token === null ? 'sync-token-missing' : 'sync-token-refused', facts);
  return finding(closings[closeCode] ?? 'sync-closed', facts);
}
