/** What somebody may do, however it was proved. */
export interface Grant {
  readonly userId: string;
  readonly name: string | null;
  readonly docId: string;
  readonly access: 'read' | 'write';
  /** When it ends, in milliseconds since 1970; null if it does not. */
  readonly untilMs: number | null;
}
