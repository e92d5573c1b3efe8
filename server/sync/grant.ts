/** What somebody may do, however it was proved. */
export interface Grant {
  /** Empty where nobody has to say who they are. */
  readonly userId: string;
  /** What presence shows of this user, whatever the client says; null where the client is believed. */
  readonly person: Person | null;
  readonly docId: string;
  readonly access: 'read' | 'write';
  /** When it ends, in milliseconds since 1970; null if it does not. */
  readonly untilMs: number | null;
  /** What it was proved with, so that it can be taken back; null if that has no name. */
  readonly tokenId: string | null;
}

/** How somebody appears to others. Null where nobody said: then the client may say. */
export interface Person {
  readonly name: string | null;
  readonly color: string | null;
}
