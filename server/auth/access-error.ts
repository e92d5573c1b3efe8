import { RefusedError } from '../errors.ts';

/** Somebody may not come in. The client hears the general reason of the code; `why` is for the log, and holds no secret. */
export class AccessError extends RefusedError {
  readonly why: string;

  /** `auth-unavailable` is for whoever could not be asked: nobody knows, so nobody comes in. */
  constructor(code: 'unauthorized' | 'forbidden' | 'auth-unavailable', why: string, options?: ErrorOptions) {
    super(code, undefined, options);
    this.why = why;
  }
}
