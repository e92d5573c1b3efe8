/**
 * Document names: 1 to 255 bytes of UTF-8 in any language, slashes included.
 *
 * Stock clients do not encode the name, so the platform's URL parser has processed it already. Names that such a parser
 * rewrites (`..`, a backslash, a tab, a space at the end) are refused: two names would become one, or one would become
 * two.
 *
 * A name that ends in `*` is refused, because in a token it would stand for a prefix (`server/auth/claims.ts`).
 *
 * Names are compared by code points, without normalization. It is not possible to refuse all names that look alike.
 * Invisible characters that no language needs are refused: a name contains them by accident (a soft hyphen, a byte
 * order mark) or to deceive (overrides of the text direction).
 */
import { RefusedError } from '../errors.ts';

/** Fits the keys of common databases and the file names of common file systems. */
const maxBytes = 255;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Controls, private use, lone surrogates, noncharacters, line separators, and formatting that is always invisible.
 * Scripts need the other format characters of Unicode: joiners, direction marks, the zero width space of Khmer, the
 * vowel separator of Mongolian, number signs of Arabic, and the tags of flags. The characters are listed, because the
 * class `Cf` grows with each version of Unicode, and a new version of Node must not make a name invalid.
 * docs/protocol.md has the same list.
 */
const notPrintable =
  /[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\u00ad\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e001f}]/u;

const percent = 0x25;

/**
 * The name in a raw request target. Percent-decodes it exactly once, then checks it. `encoded` is a part of Node's
 * `req.url`, in which one character stands for one byte. Throws RefusedError 'bad-document-name'.
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

/** Throws RefusedError 'bad-document-name' with the reason if this is not a valid document name. */
export function checkDocumentName(name: string): void {
  if (name === '') throw bad('the document name is empty');
  if (Buffer.byteLength(name) > maxBytes) throw bad(`the document name is longer than ${maxBytes} bytes`);
  const [found] = notPrintable.exec(name) ?? [];
  if (found !== undefined) throw bad(`the document name has a character that cannot be printed: ${codePoint(found)}`);
  if (name.includes('\\')) throw bad('the document name has a backslash, which browsers turn into a slash');
  if (name.endsWith(' ')) throw bad('the document name ends in a space, which browsers drop');
  if (name.endsWith('*'))
    throw bad('the document name ends in *, which in a token stands for all names that begin alike');
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

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

function bad(reason: string): RefusedError {
  return new RefusedError('bad-document-name', reason);
}
