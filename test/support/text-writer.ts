import * as encoding from 'lib0/encoding';

/** The name of the Y.Text that every TextWriter writes into. */
export const sharedTextName = 'text';

/** Bits of a struct's info byte in update format V1, and its reference number for string content. */
const hasOrigin = 0x80;
const contentString = 4;

/**
 * Writes into a Y.Text without a Y.Doc: encodes the updates (format V1) that Yjs would send for a user who types at the
 * end of their own text. The texts of several writers follow each other in the shared text.
 */
export class TextWriter {
  readonly client: number;
  /** The clock of the next character, which is the number of characters written. */
  clock: number;

  constructor(client: number, clock = 0) {
    this.client = client;
    this.clock = clock;
  }

  /** One update that appends `text`, which must not be empty. */
  type(text: string): Uint8Array {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarUint(encoder, this.client);
    encoding.writeVarUint(encoder, this.clock);
    this.#writeString(encoder, text);
    encoding.writeVarUint(encoder, 0);
    return encoding.toUint8Array(encoder);
  }

  /** One update that deletes `length` characters of this writer, from clock `from` on. */
  erase(from: number, length: number): Uint8Array {
    const encoder = encoding.createEncoder();
    for (const number of [0, 1, this.client, 1, from, length]) encoding.writeVarUint(encoder, number);
    return encoding.toUint8Array(encoder);
  }

  /** One update that appends each of `texts` as an item of its own. */
  typeItems(texts: readonly string[]): Uint8Array {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarUint(encoder, texts.length);
    encoding.writeVarUint(encoder, this.client);
    encoding.writeVarUint(encoder, this.clock);
    for (const text of texts) this.#writeString(encoder, text);
    encoding.writeVarUint(encoder, 0);
    return encoding.toUint8Array(encoder);
  }

  #writeString(encoder: encoding.Encoder, text: string): void {
    if (this.clock === 0) {
      encoding.writeUint8(encoder, contentString);
      encoding.writeVarUint(encoder, 1); // the parent is a root type, named here
      encoding.writeVarString(encoder, sharedTextName);
    } else {
      encoding.writeUint8(encoder, contentString | hasOrigin);
      encoding.writeVarUint(encoder, this.client);
      encoding.writeVarUint(encoder, this.clock - 1);
    }
    encoding.writeVarString(encoder, text);
    this.clock += text.length;
  }
}
