import { RefusedError } from '../../server/errors.ts';
import type { RefusalCode } from '../../server/errors.ts';
import type { LimitName } from '../../server/limits/limits.ts';

/** For `assert.throws` and `assert.rejects`: a refusal with this code. */
export function refused(code: RefusalCode): (error: unknown) => boolean {
  return (error) => error instanceof RefusedError && error.code === code;
}

export const malformed = refused('malformed');

/** The same for a refusal because of this limit. */
export function limited(limit: LimitName): (error: unknown) => boolean {
  return (error) => error instanceof RefusedError && error.limit === limit;
}
