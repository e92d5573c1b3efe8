import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RefusedError } from '../../../server/errors.ts';
import { checkDocumentName, decodeDocumentName } from '../../../server/net/document-name.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const runs = { seed, numRuns: 2_000 };

function reasonOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof RefusedError && error.code === 'bad-document-name', String(error));
    return error.message;
  }
  return 'accepted';
}

const accepts = (name: string): boolean => reasonOf(() => checkDocumentName(name)) === 'accepted';

test('a name that is encoded correctly is decoded to the same name', (t) => {
  t.diagnostic(`SEED=${seed}`);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter(accepts), (name) => {
      assert.equal(decodeDocumentName(encodeURIComponent(name)), name);
      assert.equal(decodeDocumentName(encodeURI(name)), name);
      const bytes = [...Buffer.from(name)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
      assert.equal(decodeDocumentName(bytes.join('')), name);
    }),
    runs,
  );
});

test('a name that the platform puts into a URL unencoded, as stock clients do, arrives as the same name', (t) => {
  t.diagnostic(`SEED=${seed}`);
  const room = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((name) => !/[?#%]/.test(name));
  fc.assert(
    fc.property(room.filter(accepts), (name) => {
      const { pathname } = new URL(`ws://127.0.0.1:1/sync/${name}`);
      assert.equal(decodeDocumentName(pathname.slice('/sync/'.length)), name);
    }),
    runs,
  );
});

test('any bytes give a valid name or a refusal with a reason (I6, I8)', (t) => {
  t.diagnostic(`SEED=${seed}`);
  const fragments = fc.constantFrom(
    '%',
    '%2',
    '%2e',
    '.',
    '..',
    '/',
    '%2F',
    '\\',
    '%5c',
    '%00',
    '\t',
    ' ',
    'a',
    '%ff',
    '%c3%a4',
  );
  const raw = fc.array(
    fc.oneof(
      fragments,
      fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    ),
  );
  fc.assert(
    fc.property(raw, (parts) => {
      let name = '';
      if (reasonOf(() => (name = decodeDocumentName(parts.join('')))) !== 'accepted') return;
      assert.ok(accepts(name));
      assert.ok(Buffer.byteLength(name) <= 255 && !/\p{Cs}/u.test(name));
    }),
    runs,
  );
});

test('the limit is 255 bytes, not characters', () => {
  assert.ok(accepts('a'.repeat(255)));
  assert.ok(!accepts('a'.repeat(256)));
  assert.ok(accepts('ä'.repeat(127)));
  assert.ok(!accepts('ä'.repeat(128)));
  assert.match(
    reasonOf(() => checkDocumentName('ä'.repeat(128))),
    /longer than 255 bytes/,
  );
});

test('percent signs are decoded exactly once', () => {
  assert.equal(decodeDocumentName('100%2525'), '100%25');
  assert.equal(decodeDocumentName('a%2Fb/c'), 'a/b/c');
  assert.equal(decodeDocumentName('%3Fdraft%23'), '?draft#');
});

test('a refusal states its reason (I8)', () => {
  const cases: readonly [string, RegExp][] = [
    ['', /empty/],
    ['%', /two hex digits/],
    ['100%', /two hex digits/],
    ['%2', /two hex digits/],
    ['%g0', /two hex digits/],
    ['%\u00a7\u00a7', /two hex digits/],
    ['%ff', /UTF-8/],
    ['%c0%af', /UTF-8/],
    ['%ed%a0%80', /UTF-8/],
    ['\u00e4', /UTF-8/],
    ['a%00b', /cannot be printed/],
    ['a%09b', /cannot be printed/],
    ['a\tb', /cannot be printed/],
    ['a%7f', /cannot be printed/],
    ['%c2%85', /cannot be printed/],
    ['%e2%80%a8', /cannot be printed/],
    ['%e2%80%ae', /cannot be printed/],
    ['%ef%bb%bfa', /cannot be printed/],
    ['%ee%80%80', /cannot be printed/],
    ['a\\b', /backslash/],
    ['a%5Cb', /backslash/],
    ['a%20', /ends in a space/],
    ['*', /ends in \*/],
    ['a/*', /ends in \*/],
    ['a/%2A', /ends in \*/],
    ['a**', /ends in \*/],
    ['..', /'\.\.' between slashes/],
    ['%2e%2E', /'\.\.' between slashes/],
    ['a/./b', /between slashes/],
    ['a%2f..%2fb', /between slashes/],
    ['a/..', /between slashes/],
  ];
  for (const [encoded, reason] of cases)
    assert.match(
      reasonOf(() => decodeDocumentName(encoded)),
      reason,
      encoded,
    );
  assert.match(
    reasonOf(() => checkDocumentName('\ud800')),
    /cannot be printed/,
  );
});

test('names in all scripts are valid, with joiners, dots and slashes inside', () => {
  const names = [
    'a',
    'notes/2024/draft.v1',
    '..a',
    'a..',
    '...',
    'Überschrift 1',
    '会议',
    'می‌خواهم',
    '👨‍👩‍👧',
    '🏴󠁧󠁢󠁳󠁣󠁴󠁿',
    'a?b#c',
    '*a',
    'a*b',
    '~',
    ' a',
    // Direction marks, as on keyboards for Hebrew and Arabic.
    'שלום!\u200f',
    'C++\u200e ו-Java',
    'رقم \u061c12',
    // A zero width space in Khmer, a vowel separator in Mongolian, number signs in Arabic.
    'ភាសា\u200bខ្មែរ',
    'ᠠᠪᠤᠷ\u180eᠠ',
    '\u0600١٢',
    'آية \u06dd١',
    // Variation selectors, and a tag sequence.
    '❤\ufe0f',
    '葛\u{e0100}',
    'क्\u200dष',
    '👩🏽‍🚀',
  ];
  for (const name of names) assert.equal(decodeDocumentName(encodeURIComponent(name)), name);
});

test('docs/protocol.md lists exactly the characters that are refused', () => {
  const docs = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');
  const listed = /characters that cannot be printed:(.*?)each plane/su.exec(docs)?.[1] ?? '';
  const ranges = [...listed.matchAll(/U\+([\dA-F]+)(?:–([\dA-F]+))?/gu)].map(
    ([, from, to]) => [parseInt(from!, 16), parseInt(to ?? from!, 16)] as const,
  );
  assert.ok(ranges.length > 10);
  const different: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    const isSurrogate = code >= 0xd800 && code <= 0xdfff;
    if (isSurrogate || code === '\\'.codePointAt(0)) continue;
    // Only a part of planes 15 and 16, which are uniform, because each refusal takes 10 us.
    if (code > 0xf0100 && (code & 0xffff) < 0xff00 && code % 101 > 0) continue;
    const refused = (code & 0xfffe) === 0xfffe || ranges.some(([from, to]) => code >= from && code <= to);
    if (accepts(`a${String.fromCodePoint(code)}b`) === refused) different.push(code.toString(16));
  }
  assert.deepEqual(different.slice(0, 20), []);
});

test('the reason names the invisible character (I8)', () => {
  assert.match(
    reasonOf(() => checkDocumentName('soft\u00adhyphen')),
    /cannot be printed: U\+00AD$/,
  );
});
