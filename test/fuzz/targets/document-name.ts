import assert from 'node:assert/strict';
import { RefusedError } from '../../../server/errors.ts';
import { decodeDocumentName } from '../../../server/net/document-name.ts';
import type { FuzzTarget } from '../target.ts';

const latin1 = (input: Uint8Array): string => Buffer.from(input).toString('latin1');

/** Document names in a request target. An accepted name means the same document to every URL parser. */
export const documentNameTarget: FuzzTarget<string> = {
  seeds: () =>
    [
      'a',
      'notes/2026/%C3%BCber%20alles',
      'a b',
      '%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB',
      'a/../b',
      '%2e%2e/x',
      'a%5Cb',
      'é'.repeat(127),
      '%25',
      '%',
      'a//b',
      '.../..a',
      '%E2%80%8B',
      '%ED%A0%80',
    ].map((name) => Buffer.from(name)),
  generate: null,
  // Node gives the target of a request with one character for each byte.
  decode: (input) => decodeDocumentName(latin1(input)),
  refusal: (error) => (error instanceof RefusedError && error.code === 'bad-document-name' ? error.message : null),
  check(name, input) {
    const bytes = Buffer.byteLength(name);
    assert.ok(bytes >= 1 && bytes <= 255, 'has a length that is not allowed');
    assert.equal(decodeURIComponent(encodeBytes(input)), name, 'is not what others decode');
    assert.equal(decodeDocumentName(encodeURIComponent(name)), name, 'is not read as it was written');
    assert.equal(parsed(encodeURIComponent(name)), name, 'is another name once a URL was parsed');
    // Stock clients do not encode the name.
    if (!/[?#%]/.test(name)) assert.equal(parsed(name), name, 'is another name if a client does not encode it');
    return latin1(input).includes('%') ? 'decoded' : 'plain';
  },
};

/** The name in a URL: bytes beyond ASCII are percent-encoded. */
function encodeBytes(input: Uint8Array): string {
  return Array.from(input, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16)}`)).join('');
}

/** The name that the server gets from a client that puts this behind `/sync/`. */
function parsed(encoded: string): string {
  return decodeDocumentName(new URL(`wss://quire.example/sync/${encoded}`).pathname.slice('/sync/'.length));
}
