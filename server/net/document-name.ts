/**
 * Names of documents: any printable text of 1 to 255 bytes of UTF-8, slashes included.
 *
 * Stock clients do not encode the name, so the platform's URL parser has had it in its hands before. What such a parser
 * rewrites (`..`, a backslash, a tab, a space at the end) would make two names of one or one of two: it is refused.
 */
import { RefusedError } from '../errors.ts';

/** Fits the key of every storage we know of, and is what file systems take as a name. */
const maxBytes = 255;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Controls, lone surrogates, private use, line separators, invisible marks; not the joiners that scripts and emoji need. */
const notPrintable =
  /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]|(?!\u{200c}|\u{200d}|[\u{e0020}-\u{e007f}])\p{Cf}/u;

const percent = 0x25;

/**
 * The name in a raw request target: percent-decoded exactly once, then checked. `encoded` is as Node hands out
 * `req.url`, where one character stands for one byte. Throws RefusedError 'bad-document-name'.
 */
export function decodeDocumentName(encoded: string): string {
  const bytes = Buffer.from(encoded, 'latin1');
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i]!;
    if (byte === percent) {
      byte = hexDigit(bytes[i + 1]) * 16 + hexDigit(bytes[i + 2]);
      i += 2;
    }
    bytes[length++] = byte;
  }
  let name: string;
  try {
    name = utf8.decode(bytes.subarray(0, length));
  } catch {
    throw bad('the document name is not valid UTF-8');
  }
  checkDocumentName(name);
  return name;
}

/** Throws RefusedError 'bad-document-name', with the reason, if this cannot be the name of a document. */
export function checkDocumentName(name: string): void {
  if (name === '') throw bad('the document name is empty');
  if (Buffer.byteLength(name) > maxBytes) throw bad(`the document name is longer than ${maxBytes} bytes`);
  if (notPrintable.test(name)) throw bad('the document name has characters that cannot be printed');
  if (name.includes('\\')) throw bad('the document name has a backslash, which browsers turn into a slash');
  if (name.endsWith(' ')) throw bad('the document name ends in a space, which browsers drop');
  if (name.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw bad("the document name has '.' or '..' between slashes, which browsers resolve");
  }
}

function hexDigit(byte: number | undefined): number {
  if (byte !== undefined) {
    if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
    const lower = byte | 0x20;
    if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  }
  throw bad('the document name has a % that is not followed by two hex digits; encode a percent sign as %25');
}

function bad(reason: string): RefusedError {
  return new RefusedError('bad-document-name', reason);
}
