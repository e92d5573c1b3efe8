import assert from 'node:assert/strict';
import { test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { issueAuthority, issueLeaf } from '../../../server/tls/issue-certificate.ts';
import type { Owner } from '../../support/owner.ts';
import { handshakeError } from '../../support/handshake.ts';

const dayMs = 86_400_000;
const subject = { commonName: 'Test CA', unit: 'test' };
const validity = { fromMs: Date.now() - dayMs, toMs: Date.now() + dayMs };
const network = { address: '127.0.0.0', mask: '255.0.0.0' };
const authority = issueAuthority(subject, { dnsNames: ['localhost', 'local'], networks: [network] }, validity);

/** OpenSSL's error when it connects to a server with this leaf as `servername`; null if it trusts the leaf. */
async function verdict(owner: Owner, names: readonly string[], servername: string): Promise<string | null> {
  const leaf = issueLeaf({ subject, key: authority.key }, { commonName: 'leaf', unit: 'test' }, names, validity);
  return handshakeError(owner, leaf, servername, authority.cert);
}

test('a client that trusts an authority trusts its leaf, for the names in it', async (t) => {
  assert.equal(await verdict(t, ['localhost', 'desk.local', '127.0.0.1'], 'localhost'), null);
  assert.equal(await verdict(t, ['localhost', 'desk.local', '127.0.0.1'], 'desk.local'), null);
  assert.match((await verdict(t, ['localhost'], 'other.local')) ?? '', /does not match certificate's altnames/);
});

test('no client trusts a leaf with a name outside the constraints, for any of its names', async (t) => {
  for (const names of [['bank.example'], ['localhost', 'bank.example'], ['localhost', '192.0.2.1']]) {
    assert.equal(await verdict(t, names, names[0]!), 'permitted subtree violation');
  }
});

test('dates survive the change from two digits of a year to four', () => {
  for (const toMs of [Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1), Date.UTC(2100, 5, 6, 7, 8, 9)]) {
    const issued = issueAuthority(subject, { dnsNames: ['localhost'], networks: [] }, { fromMs: 0, toMs });
    const parsed = new X509Certificate(issued.cert);
    assert.equal(Date.parse(parsed.validTo), toMs);
    assert.equal(Date.parse(parsed.validFrom), 0);
  }
});

test('subjects of any length and script are kept', () => {
  for (const unit of ['ü', 'x'.repeat(64)]) {
    const parsed = new X509Certificate(
      issueAuthority({ commonName: 'Quire', unit }, { dnsNames: ['localhost'], networks: [] }, validity).cert,
    );
    assert.ok(parsed.subject.startsWith('OU='));
    assert.ok(parsed.checkIssued(parsed));
  }
});
