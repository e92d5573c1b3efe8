import type { RefusalCode } from '../errors.ts';

/** The description of a limit, whether or not its value can be configured. */
export interface Limit {
  readonly what: string;
  readonly why: string;
  /**
   * The refusal, and whether it is sent by HTTP status, by close code, or by cutting the socket. Null: the client waits
   * instead.
   */
  readonly refusal: { readonly code: RefusalCode; readonly by: 'status' | 'close' | 'cut' } | null;
  /** The metric of the current value. Only for limits on a total of all clients. */
  readonly gauge?: `quire_${string}`;
  /** The text sent to the client. */
  readonly reason: string;
}

export const byStatus = (code: RefusalCode) => ({ code, by: 'status' }) as const;
export const byClose = (code: RefusalCode) => ({ code, by: 'close' }) as const;
export const byCut = (code: RefusalCode) => ({ code, by: 'cut' }) as const;
