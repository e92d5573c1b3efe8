import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serializeError } from '../../../server/logger.ts';
import { PeerError, excerpt } from '../../../server/limits/peer-text.ts';

test('an excerpt is a single line of bounded length without terminal control characters', () => {
  assert.equal(excerpt('plain, größer 漢'), 'plain, größer 漢');
  assert.equal(excerpt('\u001b[31mred\r\nnext\u202eback\u009b'), '\\u{1b}[31mred\\u{d}\\u{a}next\\u{202e}back\\u{9b}');
  assert.equal(excerpt('x'.repeat(301)), `${'x'.repeat(300)}… (301 characters)`);
  assert.ok(excerpt('\u0000'.repeat(1_000_000)).length < 2_500);
  assert.ok(excerpt('🎉'.repeat(200)).isWellFormed());
});

test('an error of a peer is reduced to its code and message', () => {
  const raw = Object.assign(new Error('Parse Error: Expected HTTP/'), {
    code: 'HPE_INVALID_CONSTANT',
    rawPacket: Buffer.alloc(100_000),
  });
  const error = new PeerError(raw);
  assert.equal(error.message, 'HPE_INVALID_CONSTANT: Parse Error: Expected HTTP/');
  assert.equal(error.code, 'HPE_INVALID_CONSTANT');
  assert.equal(error.cause, undefined);
});

test('an error is logged with its type, message, stack and plain fields, and without data from a peer', () => {
  const error = Object.assign(new Error('m'.repeat(50_000), { cause: new RangeError('why') }), {
    code: 'E_TEST',
    rawPacket: Buffer.alloc(100_000),
    cert: { raw: Buffer.alloc(100_000), subject: { CN: 'x' } },
    reason: 'r'.repeat(50_000),
    errno: -2,
  });
  const logged = serializeError(error) as Readonly<Record<string, unknown>>;
  assert.deepEqual(Object.keys(logged).toSorted(), ['code', 'errno', 'message', 'reason', 'stack', 'type']);
  assert.equal(logged['code'], 'E_TEST');
  assert.match(String(logged['stack']), /caused by: RangeError: why/);
  assert.ok(JSON.stringify(logged).length < 30_000);
});
