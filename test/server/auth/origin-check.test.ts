import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOrigin } from '../../../server/auth/origin-check.ts';
import type { OriginRule } from '../../../server/config/auth.ts';
import { refused } from '../../support/refused.ts';

const nothing: OriginRule = { origins: [], sameHost: false, loopback: false };

function may(rule: Partial<OriginRule>, origin: string | undefined, host = 'docs.example:8443'): boolean {
  try {
    checkOrigin({ ...nothing, ...rule }, origin, host);
    return true;
  } catch (error) {
    assert.ok(refused('forbidden')(error));
    return false;
  }
}

test('a client that is not a browser needs no origin', () => {
  assert.equal(may({}, undefined), true);
});

test('a listed origin must match in scheme, host and port', () => {
  const rule = { origins: ['https://app.example', 'http://localhost:5173'] };
  assert.equal(may(rule, 'https://app.example'), true);
  assert.equal(may(rule, 'https://APP.example'), true);
  assert.equal(may(rule, 'http://localhost:5173'), true);
  const others = ['http://app.example', 'https://app.example:8443', 'https://app.example.evil.example', 'null', ''];
  for (const origin of [...others, 'https://evil.example/https://app.example', 'https://docs.example:8443']) {
    assert.equal(may(rule, origin), false, origin);
  }
  assert.equal(may({ origins: ['*'] }, 'null'), true);
});

test('the same host means the same name and port; default ports may be omitted', () => {
  const rule = { sameHost: true };
  assert.equal(may(rule, 'https://docs.example:8443'), true);
  assert.equal(may(rule, 'https://docs.example:8443', 'DOCS.example:8443'), true);
  assert.equal(may(rule, 'https://docs.example', 'docs.example:443'), true);
  assert.equal(may(rule, 'https://docs.example', 'docs.example'), true);
  assert.equal(may(rule, 'http://docs.example', 'docs.example:80'), true);
  for (const origin of ['https://docs.example', 'https://evil.example:8443', 'null', 'docs.example:8443']) {
    assert.equal(may(rule, origin), false, origin);
  }
  assert.throws(
    () => checkOrigin({ ...nothing, sameHost: true }, 'https://docs.example', undefined),
    refused('forbidden'),
  );
});

test('the same address means the same host as an IP address, because a name may have been rebound', () => {
  const rule = { sameAddress: true };
  for (const host of ['192.0.2.1:8443', '[2001:db8::1]:8443', '127.0.0.1']) {
    assert.equal(may(rule, `http://${host}`, host), true, host);
    assert.equal(may(rule, `http://${host}`, 'docs.example'), false, host);
  }
  for (const host of ['evil.example:8443', 'localhost', '192.0.2.1.evil.example']) {
    assert.equal(may(rule, `http://${host}`, host), false, host);
  }
});

test('origins of web views and extensions are compared as they are written', () => {
  const rule = { origins: ['capacitor://localhost', 'null'] };
  assert.equal(may(rule, 'capacitor://localhost'), true);
  assert.equal(may(rule, 'null'), true);
  for (const origin of ['ionic://localhost', 'capacitor://localhost:1', 'http://localhost']) {
    assert.equal(may(rule, origin), false, origin);
  }
});

test('an invalid origin is refused, also after 20,000 refusals (I6)', () => {
  // "http:Ÿ" byte by byte, as Node hands out headers.
  const origin = Buffer.from('http:\u0178').toString('latin1');
  for (let i = 0; i < 20_000; i++) assert.equal(may({ sameHost: true }, origin), false);
});

test('on loopback, pages of this machine may connect from any port; a page of a rebound name may not', () => {
  const rule = { loopback: true };
  for (const host of ['localhost:5173', '127.0.0.1:3000', '[::1]:3000', 'app.localhost', '127.9.9.9']) {
    assert.equal(may(rule, `http://${host}`), true, host);
  }
  for (const origin of ['http://evil.example', 'http://localhost.evil.example', 'http://127.evil.example', 'null']) {
    // The page's name now resolves to 127.0.0.1, so the Host header matches it too.
    assert.equal(may(rule, origin, origin.slice('http://'.length)), false, origin);
  }
});
