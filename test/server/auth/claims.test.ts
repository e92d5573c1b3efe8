import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessTo, readClaims } from '../../../server/auth/claims.ts';
import type { DocumentClaim } from '../../../server/auth/claims.ts';
import { checkDocumentName } from '../../../server/net/document-name.ts';
import { accessRefused } from '../../support/access-refused.ts';

const good = { sub: 'u1', exp: 1_700_000_000 };

test('all claims are read; missing optional claims are null or empty', () => {
  assert.deepEqual(readClaims(good), {
    userId: 'u1',
    name: null,
    color: null,
    expiresMs: 1_700_000_000_000,
    tokenId: null,
    documents: [],
    admin: false,
  });
  const documents = [{ name: 'notes/*', access: 'read' }];
  const all = readClaims({ ...good, name: 'Ada', color: '#123456', jti: 't1', documents, admin: true });
  assert.deepEqual(all, { ...readClaims(good), name: 'Ada', color: '#123456', tokenId: 't1', documents, admin: true });
});

test('malformed claims are refused with a reason, and never change the rights that the token gives', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ sub: '' }, /'sub'/],
    [{ sub: 7 }, /'sub'/],
    [{ sub: 'x'.repeat(257) }, /'sub'/],
    [{ exp: '1700000000' }, /'exp'/],
    [{ exp: Infinity }, /'exp'/],
    [{ exp: 1e300 }, /'exp'/],
    [{ name: {} }, /'name'/],
    [{ documents: 'all' }, /'documents'/],
    [{ documents: Array.from({ length: 257 }, () => ({ name: 'd', access: 'read' })) }, /'documents'/],
    [{ documents: [null] }, /'documents.name'/],
    [{ documents: [{ name: 'd' }] }, /'access'/],
    [{ documents: [{ name: 'd', access: 'Write' }] }, /'access'/],
  ];
  for (const [claims, why] of cases) {
    assert.throws(() => readClaims({ ...good, ...claims }), accessRefused('unauthorized', why), JSON.stringify(claims));
  }
  for (const admin of ['true', 1, {}]) assert.equal(readClaims({ ...good, admin }).admin, false);
});

test('a document name cannot be a pattern, or a token for that document would open others', () => {
  for (const name of ['*', 'a*', 'a/*', 'a/**']) {
    assert.equal(accessTo([{ name, access: 'write' }], `${name.slice(0, -1)}other`), 'write');
    assert.throws(() => checkDocumentName(name), /ends in \*/);
  }
});

test('a claim names a document exactly or by a prefix with a final star; the highest access of any claim applies', () => {
  const documents: DocumentClaim[] = [
    { name: 'notes/*', access: 'read' },
    { name: 'notes/mine', access: 'write' },
    { name: 'one', access: 'read' },
  ];
  const cases: [string, 'read' | 'write' | null][] = [
    ['notes/mine', 'write'],
    ['notes/other', 'read'],
    ['notes/', 'read'],
    ['notes', null],
    ['notes/mine2', 'read'],
    ['one', 'read'],
    ['one*', null],
    ['One', null],
    ['', null],
  ];
  for (const [docId, access] of cases) assert.equal(accessTo(documents, docId), access, docId);
  assert.equal(accessTo(documents.toReversed(), 'notes/mine'), 'write');
  assert.equal(accessTo([{ name: '*', access: 'write' }], 'any'), 'write');
  assert.equal(accessTo([{ name: 'a*b', access: 'write' }], 'axb'), null);
});
