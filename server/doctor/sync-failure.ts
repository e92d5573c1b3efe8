import { asksForCertificate } from './client-certificate-probe.ts';
import { SilenceError } from './deadline.ts';
import type { Examination, HostAddress } from './examination.ts';
import { finding, noted } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';
import { isHocuspocus } from './hocuspocus-probe.ts';
import { ClosedError, DeniedError, firstAnswerMs, NotOpenedError, StrangeMessageError } from './sync-client.ts';
import { withoutToken } from './target.ts';
import { refused, requestFailed } from './upgrade-refusal.ts';

const closings: Readonly<Record<number, FindingCode>> = {
  4400: 'sync-refused',
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

/** Close codes of Hocuspocus for messages that it cannot read and clients without a login. Quire uses the first two. */
const hocuspocusCodes: readonly number[] = [4401, 4403, 4205, 4408];

/** How far a failed connection got. */
interface FailedAt {
  readonly document: string;
  /** By default the first address. */
  readonly address?: HostAddress;
  /** Whether anything had been received over the WebSocket. */
  readonly heard: boolean;
  /** Whether no message has been understood yet, so that it may be another kind of server. */
  readonly isFirst?: boolean;
}

/** The finding for a failed connection. Throws other errors again. */
export async function syncFailure(
  error: unknown,
  examination: Examination,
  { document, address = examination.address!, heard, isFirst = false }: FailedAt,
): Promise<Finding> {
  const { target, deps } = examination;
  if (error instanceof NotOpenedError) return notOpened(examination, error);
  const isSilent = error instanceof SilenceError;
  const isUnreadable = error instanceof StrangeMessageError && error.kind === 'unreadable';
  const closeCode = error instanceof ClosedError ? error.closeCode : 0;
  if (isFirst && (isSilent || isUnreadable || hocuspocusCodes.includes(closeCode))) {
    if (await isHocuspocus(examination, address)) return finding('sync-hocuspocus');
  }
  if (isSilent) return finding(heard ? 'sync-no-answer' : 'sync-silent', { seconds: firstAnswerMs(deps) / 1000 });
  if (error instanceof StrangeMessageError) return finding(strange[error.kind], { reason: error.message });
  if (error instanceof DeniedError) return finding('sync-denied', { reason: withoutToken(error.message, target) });
  if (!(error instanceof ClosedError)) throw error;
  const facts = { document, closeCode, reason: withoutToken(error.reason, target) || 'no reason is given' };
  if (closeCode === 4401) {
    if (target.secure && (await asksForCertificate(examination, address))) {
      return finding('sync-client-certificate', facts);
    }
    return finding(target.token === null ? 'sync-token-missing' : 'sync-token-refused', facts);
  }
  if (closeCode === 4403) {
    return finding(target.token === null ? 'sync-closed-forbidden' : 'sync-forbidden', facts);
  }
  return finding(closings[closeCode] ?? 'sync-closed', facts);
}

/** A WebSocket opened in the upgrade stage, and a later one did not: because of a limit, or a second server. */
async function notOpened(examination: Examination, { address, answer, cause }: NotOpenedError): Promise<Finding> {
  const found =
    answer === null ? await requestFailed(examination, address, cause) : await refused(examination, address, answer);
  return noted('The first WebSocket opened, a later one did not', found);
}
