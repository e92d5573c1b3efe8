import type { RefusalCode } from '../errors.ts';

/** Of how much of something there may be, whatever may be done about the number. */
export interface Limit {
  readonly what: string;
  readonly why: string;
  /** What is refused, and how: by HTTP status, by close code, or by a cut of the socket. Null: the client waits instead. */
  readonly refusal: { readonly code: RefusalCode; readonly by: 'status' | 'close' | 'cut' } | null;
  /** The metric of the present value. Only of limits on a total of all clients. */
  readonly gauge?: `quire_${string}`;
  /** What the client is told. */
  readonly reason: string;
}

export const byStatus = (code: RefusalCode) => ({ code, by: 'status' }) as const;
export const byClose = (code: RefusalCode) => ({ code, by: 'close' }) as const;
export const byCut = (code: RefusalCode) => ({ code, by: 'cut' }) as const;
