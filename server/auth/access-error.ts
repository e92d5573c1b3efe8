import { RefusedError } from '../errors.ts';

/**
 * Access is refused. The client receives only the general reason of the code; `why` goes to the log and holds no
 * secret.
 */
export class AccessError extends RefusedError {
  readonly why: string;

  /** `auth-unavailable`: the application or the JWKS URL gave no usable answer, so the client may reconnect. */
  constructor(code: 'unauthorized' | 'forbidden' | 'auth-unavailable', why: string, options?: ErrorOptions) {
    super(code, undefined, options);
    this.why = why;
  }
}

/**
 * A token may have been signed with a key that was published after the last fetch of the keys, and it is too early to
 * fetch them again. The client may reconnect (4503). Anyone can make such tokens, so the answer is delayed like a
 * refusal.
 */
export class UnknownKeyError extends AccessError {
  constructor(why: string) {
    super('auth-unavailable', why);
  }
}
