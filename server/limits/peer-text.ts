/** Long enough for a server's error message, short enough for a log line. */
const defaultMaxLength = 300;

/**
 * Control characters, line separators and direction marks. In a terminal they move the cursor, change colours or hide
 * text. Lone surrogates are not valid UTF-8.
 */
const unsafe = /[\p{Cc}\p{Cs}\u00ad\u2028-\u202e\u2060-\u206f\ufeff]/gu;

/** Makes a text from another computer safe for the log: one line, no control characters, bounded length. */
export function excerpt(text: string, maxLength = defaultMaxLength): string {
  const start = text.slice(0, maxLength);
  const escaped = start.replace(unsafe, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return start.length === text.length ? escaped : `${escaped}… (${text.length} characters)`;
}

/** An exchange with another computer failed. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  /** The code of Node's error, such as `ECONNREFUSED` or `HPE_INVALID_CONSTANT`; null if it has none. */
  readonly code: string | null;

  /**
   * Keeps only the code and the message of an error. Node also adds the bytes that it could not parse (`rawPacket`), or
   * the whole certificate of the peer (`cert`), and a logger would write all of it.
   */
  constructor(error: unknown) {
    const { code, message } = error as Readonly<Error & { code?: unknown }>;
    const named = typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message;
    super(excerpt(named));
    this.code = typeof code === 'string' ? code : null;
  }
}
