import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureText } from '../../../persistence/update/text.ts';
import { randomOf } from '../../support/random.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The result of the decoder that Yjs uses. */
function lengthByDecoder(bytes: Uint8Array): number {
  try {
    return strict.decode(bytes).length;
  } catch {
    return -1;
  }
}

test('texts are measured and refused like a fatal TextDecoder does', (t) => {
  const random = randomOf(t);
  // Bytes at the limits of valid UTF-8.
  const borders = [0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed];
  const bytes = [...borders, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
  for (const first of bytes) {
    for (const second of bytes) {
      for (const third of bytes) {
        for (const fourth of [0x41, 0x80, 0xbf]) {
          const text = Uint8Array.of(first, second, third, fourth);
          assert.equal(measureText(text, 0, 4), lengthByDecoder(text), text.join(' '));
        }
      }
    }
  }
  for (let i = 0; i < 20_000; i++) {
    const text = Buffer.from(Array.from({ length: 6 }, () => random.pick(['a', 'ä', '€', '🙂', '\ufeff'])).join(''));
    if (random.below(2) === 0) text[random.below(text.length)] = random.pick(bytes);
    const end = random.below(text.length + 1);
    assert.equal(measureText(text, 0, end), lengthByDecoder(text.subarray(0, end)));
  }
});
