import type { Duplex } from 'node:stream';
import { RefusedError } from '../errors.ts';
import type { RefusalCode } from '../errors.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';

/** What Node's parser calls the errors that have a status of their own; the others mean that this is no HTTP. */
const codes: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

/** What Node's parser and its deadlines call their errors. Others are of the socket, or of a TLS handshake that failed. */
const httpError = /^(HPE|ERR_HTTP)_/;

/** Answers what cannot be read as a request. Returns why, or null if nobody is there to be told. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): RefusedError | null {
  if (!httpError.test(error.code ?? '') || !socket.writable) {
    socket.destroy();
    return null;
  }
  const refusal = new RefusedError(codes[error.code ?? ''] ?? 'bad-request');
  refuseUpgrade(socket, refusal);
  return refusal;
}
