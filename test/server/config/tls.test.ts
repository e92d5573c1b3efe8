/** Which options about certificates may be combined, and the errors for the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../../../server/config/config.ts';
import { secret } from '../../support/tokens.ts';

const acme = ['--host', '0.0.0.0', '--auth', 'none', '--acme-domain', 'Docs.Example.org', '--acme-agree-terms'];
const people = ['--tls-client-ca', 'people.pem'];

function refused(args: readonly string[], sentence: RegExp): void {
  assert.throws(
    () => parseConfig(args, {}),
    (error) => error instanceof ConfigError && sentence.test(error.message),
    String(sentence),
  );
}

test('names may be listed or the flag repeated; the default authority may be replaced by the staging one', () => {
  const args = [...acme, '--acme-domain', 'www.example.org,bücher.example', '--acme-email', 'ops@example.org'];
  const { tls } = parseConfig(args, {});
  assert.deepEqual(tls, {
    mode: 'acme',
    acme: {
      domains: ['docs.example.org', 'www.example.org', 'xn--bcher-kva.example'],
      email: 'ops@example.org',
      challenge: 'tls-alpn-01',
      directoryUrl: new URL('https://acme-v02.api.letsencrypt.org/directory'),
      profile: null,
      caPath: null,
    },
  });
  const staging = parseConfig([...acme, '--acme-staging'], {}).tls;
  assert.match(staging.mode === 'acme' ? staging.acme.directoryUrl.host : '', /staging/);
});

test('invalid combinations are refused before a certificate is ordered', () => {
  refused(acme.slice(0, -1), /needs --acme-agree-terms/);
  refused(['--acme-email', 'a@b.test'], /--acme-email is about certificates by ACME\. Add --acme-domain/);
  refused([...acme, '--tls-cert', 'a', '--tls-key', 'b'], /--tls-cert and a certificate by ACME exclude/);
  refused([...acme, '--tls', 'dev'], /exclude each other/);
  refused([...acme, '--ephemeral'], /would lose the certificate/);
  refused([...acme, '--acme-challenge', 'http-01'], /needs --http-port 80/);
  refused([...acme, '--acme-staging', '--acme-directory', 'https://ca.test/dir'], /exclude each other/);
  refused([...acme, '--acme-domain', '*.example.org'], /wildcard/);
  for (const name of ['localhost', '192.0.2.1', 'a_b.test', '-a.test']) {
    refused([...acme, '--acme-domain', name], /must be names such as/);
  }
  assert.match(parseConfig(acme.slice(4), {}).warnings.join(), /authority cannot reach this server/);
});

test('client certificates work alone, with tokens or instead of them, and never without TLS', () => {
  const alone = parseConfig(['--host', '0.0.0.0', ...people], {});
  assert.deepEqual(alone.auth, { mode: 'certificate' });
  assert.deepEqual(alone.clientCertificates, { caPath: 'people.pem', required: true });
  const either = parseConfig([...people, '--tls-client-auth', 'optional', '--auth-secret', secret], {});
  assert.equal(either.clientCertificates?.required, false);
  refused([...people, '--tls-client-auth', 'optional'], /Configure how tokens are checked/);
  refused([...people, '--auth', 'none'], /exclude each other/);
  refused([...people, '--tls', 'off', '--auth-secret', secret], /needs TLS in Quire/);
  refused(['--tls-client-auth', 'optional'], /Add --tls-client-ca/);
});
