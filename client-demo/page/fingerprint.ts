import { encodeStateVector } from 'yjs';
import type { Doc } from 'yjs';

/**
 * A hash of the edits that a tab knows and of the text that it shows. The edits are those of its state vector, which
 * lists clients in a fixed order. Two tabs with the same fingerprint have converged. The hash is not cryptographic,
 * because a page that another machine serves without TLS has no `crypto.subtle`.
 */
export function fingerprint(doc: Doc): string {
  const text = new TextEncoder().encode(doc.getXmlFragment('default').toJSON());
  return [encodeStateVector(doc), text].map(fnv1a).join('-');
}

/** FNV-1a, 32 bits, as hexadecimal digits. */
function fnv1a(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
