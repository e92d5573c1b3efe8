import { RefusedError } from '../errors.ts';

/** Somebody may not come in. The client hears the general reason of the code; `why` is for the log, and holds no secret. */
export class AccessError extends RefusedError {
  readonly why: string;

  /** `auth-unavailable`: the application or the keys could not be asked, so the client may come back. */
  constructor(code: 'unauthorized' | 'forbidden' | 'auth-unavailable', why: string, options?: ErrorOptions) {
    super(code, undefined, options);
    this.why = why;
  }
}

/**
 * A token may have been signed with a key that was published after the keys were fetched, and it is too early to fetch
 * them again. The client may come back (4503). Anybody can make such tokens, so they are held back like refused ones.
 */
export class UnknownKeyError extends AccessError {
  constructor(why: string) {
    super('auth-unavailable', why);
  }
}
