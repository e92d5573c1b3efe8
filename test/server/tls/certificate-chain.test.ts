import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainError, checkChain, namesOf, parseChain } from '../../../server/tls/certificate-chain.ts';
import { Authority } from '../../support/authority.ts';

const root = Authority.root();
const intermediate = root.intermediate();
const leaf = intermediate.leaf({ fetchable: true }).cert;
const full = leaf + intermediate.cert;

function refused(sentence: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ChainError && sentence.test(error.message);
}

test('a chain of a private authority is complete with or without its root', () => {
  checkChain(parseChain(root.leaf().cert), null);
  checkChain(parseChain(root.leaf().cert + root.cert), null);
  checkChain(parseChain(full + root.cert), null);
});

test('an intermediate counts as missing if the leaf says where to fetch it, or if the previous chain had it', () => {
  assert.throws(() => checkChain(parseChain(leaf), null), refused(/lacks the intermediate .*Test intermediate/));
  const quiet = intermediate.leaf().cert;
  checkChain(parseChain(quiet), null);
  assert.throws(() => checkChain(parseChain(quiet), parseChain(full)), refused(/lacks the intermediate/));
});

test('certificates in the wrong order, or unrelated ones, are not a chain', () => {
  assert.throws(
    () => checkChain(parseChain(leaf + root.cert), null),
    refused(/did not sign it.*needs.*Test intermediate/),
  );
  const namesake = Authority.root().intermediate();
  assert.throws(() => checkChain(parseChain(leaf + namesake.cert), null), refused(/did not sign it/));
});

test('a file that ends inside a certificate is half written', () => {
  const second = leaf.length;
  for (const length of [leaf.length - 1, second + 28, second + 100, full.length - 2]) {
    const cut = full.slice(0, length);
    assert.throws(() => checkChain(parseChain(cut), null), ChainError, `${length} of ${full.length}`);
  }
  assert.deepEqual(parseChain('text around it\n' + leaf).length, 1);
});

test('a DNS name that contains a comma does not count as two names', () => {
  const names = ['x, DNS:bank.example', '"', 'a.test', '192.0.2.1'];
  assert.deepEqual(namesOf(parseChain(root.leaf({ names }).cert)[0]!), names);
});
