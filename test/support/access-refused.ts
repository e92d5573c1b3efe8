import { AccessError } from '../../server/auth/access-error.ts';
import type { RefusalCode } from '../../server/errors.ts';

/** For `assert.throws` and `assert.rejects`: a refusal with this code and this reason in the log. */
export function accessRefused(code: RefusalCode, why: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof AccessError && error.code === code && why.test(error.why);
}
