import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenOf } from '../../../server/net/token-source.ts';

const none = new URLSearchParams();

test('a token may be in the subprotocol, in the Authorization header, or in the URL', () => {
  assert.equal(tokenOf({ 'sec-websocket-protocol': 'quire, a.b-c_d' }, none), 'a.b-c_d');
  assert.equal(tokenOf({ 'sec-websocket-protocol': 'a.b.c,quire' }, none), 'a.b.c');
  assert.equal(tokenOf({ authorization: 'Bearer a.b.c' }, none), 'a.b.c');
  assert.equal(tokenOf({ authorization: 'bearer a.b.c' }, none), 'a.b.c');
  assert.equal(tokenOf({}, new URLSearchParams('?token=a%2Bb')), 'a+b');
});

test('the place that is logged least often takes precedence', () => {
  const headers = { 'sec-websocket-protocol': 'quire, first', authorization: 'Bearer second' };
  const params = new URLSearchParams('?token=third');
  assert.equal(tokenOf(headers, params), 'first');
  assert.equal(tokenOf({ authorization: headers.authorization }, params), 'second');
  assert.equal(tokenOf({}, params), 'third');
});

test('other protocols, other schemes and an empty token give no token', () => {
  assert.equal(tokenOf({ 'sec-websocket-protocol': 'quire' }, none), null);
  assert.equal(tokenOf({ 'sec-websocket-protocol': 'other, a.b.c' }, none), null);
  assert.equal(tokenOf({ 'sec-websocket-protocol': 'quire,,' }, none), null);
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b']) {
    assert.equal(tokenOf({ authorization }, none), null, authorization);
  }
  assert.equal(tokenOf({}, new URLSearchParams('?token=')), null);
});
