import { RefusedError, type RefusalCode } from '../../server/errors.ts';

/** For `assert.throws` and `assert.rejects`: a refusal with this code. */
export function refused(code: RefusalCode): (error: unknown) => boolean {
  return (error) => error instanceof RefusedError && error.code === code;
}

export const malformed = refused('malformed');
