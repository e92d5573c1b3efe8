/** What a client may do in one document. Says nothing about how that was proved. */
export interface Grant {
  /** Empty without authentication. */
  readonly userId: string;
  /** Replaces the identity that the client claims in presence; null if the client's claim is kept. */
  readonly person: Person | null;
  readonly docId: string;
  readonly access: 'read' | 'write';
  /** When it ends, in milliseconds since 1970; null if it does not end. */
  readonly untilMs: number | null;
  /** The id of the token, by which the grant can be revoked; null if the token has none. */
  readonly tokenId: string | null;
}

/** How a user appears to others. A field is null if it is not known; then the client's own value is kept. */
export interface Person {
  readonly name: string | null;
  readonly color: string | null;
}
