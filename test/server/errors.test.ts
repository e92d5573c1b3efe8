import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CorruptDocumentError, LogError, MalformedUpdateError } from '../../persistence/errors.ts';
import { closeReason, fitReason, httpStatus, RefusedError, refusalCodes, toRefusal } from '../../server/errors.ts';
import type { RefusalCode } from '../../server/errors.ts';

test('every refusal has an error status, a valid close code, and a reason that fits a close frame (I8)', () => {
  for (const code of refusalCodes) {
    assert.ok(httpStatus(code) >= 400 && httpStatus(code) < 600, code);
    const { code: closeCode, reason } = closeReason(code);
    const reserved = closeCode >= 1004 && closeCode <= 1006;
    assert.ok((closeCode >= 1001 && closeCode <= 1013 && !reserved) || (closeCode >= 4400 && closeCode < 4600), code);
    assert.ok(reason.length > 0 && fitReason(reason) === reason, code);
  }
});

test('only refusals that a retry cannot change have a close code that is final for stock clients', () => {
  const final = refusalCodes.filter((code) => closeReason(code).code >= 4400 && closeReason(code).code < 4500);
  assert.deepEqual(final.toSorted(), [
    'bad-document-name',
    'bad-request',
    'bad-upgrade',
    'binary-only',
    'document-deleted',
    'document-too-large',
    'forbidden',
    'generation-changed',
    'headers-too-large',
    'malformed',
    'not-found',
    'unauthorized',
    'update-too-large',
    'upgrade-version',
  ]);
});

test('any reason is cut between characters to a prefix of at most 123 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (reason) => {
      const fitted = fitReason(reason);
      assert.ok(Buffer.byteLength(fitted) <= 123);
      assert.ok(reason.startsWith(fitted));
      assert.doesNotMatch(fitted, /\p{Cs}/u);
      if (Buffer.byteLength(reason) <= 123) assert.equal(fitted, reason);
      else assert.ok(Buffer.byteLength(fitted) > 119);
    }),
  );
});

test('storage errors are converted to refusals; unknown errors reveal nothing about themselves', () => {
  const cases = [
    [new LogError('LOG_READ_ONLY', 'x'), 'storage-full', 4503],
    [new LogError('LOG_REOPENING', 'x'), 'storage-unavailable', 4503],
    [new LogError('LOG_CLOSED', 'x'), 'shutting-down', 1012],
    [new CorruptDocumentError('secret-doc', 'secret'), 'document-corrupt', 4503],
    [new MalformedUpdateError('truncated', 7), 'malformed', 4400],
    [new RefusedError('forbidden'), 'forbidden', 4403],
    [new Error('secret'), 'internal', 1011],
    ['secret', 'internal', 1011],
  ] as const;
  for (const [error, code, closeCode] of cases) {
    const refusal = toRefusal(error);
    assert.equal(refusal.code, code);
    assert.equal(closeReason(refusal.code).code, closeCode);
    assert.doesNotMatch(refusal.message, /secret/);
  }
  assert.equal(toRefusal(new MalformedUpdateError('truncated', 7)).message, 'malformed update: truncated');
});

function secondsOf(code: RefusalCode, retryAfterMs: number | null = null): number | null {
  return new RefusedError(code, undefined, { retryAfterMs }).retryAfterSeconds;
}

test('a client that may retry is told when, in whole seconds and never at once', () => {
  assert.equal(secondsOf('overloaded'), 5);
  assert.equal(secondsOf('limit-reached', 1_200), 2);
  assert.equal(secondsOf('limit-reached', 0), 1);
  assert.equal(secondsOf('forbidden', 1_200), null);
});
