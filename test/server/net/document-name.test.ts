import assert from 'node:assert/strict';
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

test('a name that is encoded by the rules comes back as it was', (t) => {
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

test('whatever bytes come, the answer is a valid name or a reason: never anything else (I6, I8)', (t) => {
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

test('what is refused is told why (I8)', () => {
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

test('names of all scripts, with joiners, dots and slashes inside, are fine', () => {
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
    '~',
    ' a',
  ];
  for (const name of names) assert.equal(decodeDocumentName(encodeURIComponent(name)), name);
});
