/** Safe defaults of the options for authentication and for the origins of pages. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { AuthSetupError, openAuth } from '../../../server/auth/open-auth.ts';
import { openToAll } from '../../../server/auth/authenticator.ts';
import { ConfigError, parseConfig } from '../../../server/config/config.ts';
import type { Config } from '../../../server/config/config.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { otherSecret, secret } from '../../support/tokens.ts';

const open = (config: Config) =>
  openAuth(config, { logger: pino({ level: 'silent' }), stats: new AuthStats(), now: Date.now });

const rule = (...args: string[]) => parseConfig(args, {}).origins;
const warnings = (...args: string[]): string => parseConfig(args, {}).warnings.join('\n');

function sentence(...args: string[]): string {
  try {
    parseConfig(args, {});
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return 'accepted';
}

test('without authentication only clients and pages of this machine may connect', async () => {
  for (const host of ['127.0.0.1', '::1', 'localhost', '127.0.0.2']) {
    const config = parseConfig(['--host', host], {});
    assert.equal(config.auth.mode, 'unset');
    assert.deepEqual(config.origins, { origins: [], sameHost: false, loopback: true });
    assert.equal((await open(config)).authenticator, openToAll);
  }
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'docs.example', '127.evil.example', '::ffff:127.0.0.1']) {
    assert.match(sentence('--host', host), /exposes every document to other machines\. Configure authentication/, host);
    assert.equal(sentence('--host', host, '--auth', 'none'), 'accepted');
    assert.equal(sentence('--host', host, '--auth-secret', secret), 'accepted');
    assert.equal(sentence('--host', host, '--auth-url', 'https://app.example/may'), 'accepted');
  }
});

test('with authentication or --auth none, pages of the same host may connect; a list of origins replaces that', () => {
  const publicHost = ['--host', '0.0.0.0', '--auth', 'none'];
  assert.deepEqual(rule(...publicHost), { origins: [], sameHost: true, loopback: false });
  assert.deepEqual(rule('--auth-secret', secret), { origins: [], sameHost: true, loopback: true });
  // No certificate has to match the name here, so a rebound name is the same host too.
  assert.deepEqual(rule('--auth', 'none'), { origins: [], sameHost: false, loopback: true });
  assert.deepEqual(rule(...publicHost, '--tls', 'off'), {
    origins: [],
    sameHost: false,
    sameAddress: true,
    loopback: false,
  });
  assert.equal(rule('--host', '0.0.0.0', '--tls', 'off', '--auth-secret', secret).sameHost, true);
  const views = 'capacitor://localhost,tauri://localhost,app://obsidian.md,null';
  assert.deepEqual(rule('--allowed-origins', views).origins, views.split(','));
  const extensions = 'chrome-extension://aBc,moz-extension://0-f,vscode-webview://1f,ionic://localhost:3';
  assert.deepEqual(rule('--allowed-origins', extensions).origins, extensions.toLowerCase().split(','));
  const list = ['--allowed-origins', 'https://App.example, http://localhost:5173'];
  assert.deepEqual(rule(...list), {
    origins: ['https://app.example', 'http://localhost:5173'],
    sameHost: false,
    loopback: false,
  });
  const notOrigins = [
    'capacitor://localhost/',
    'capacitor://',
    'app://x/y',
    'app://u@x',
    'file:///',
    'data:x',
    'app:x',
  ];
  for (const wrong of ['app.example', 'https://app.example/', 'https://app.example/path', '', 'a,,b', ...notOrigins]) {
    assert.match(sentence('--allowed-origins', wrong), /--allowed-origins must/, wrong);
  }
});

test('--auth none is warned about at every start, and so are keys and answers fetched without TLS', () => {
  assert.match(warnings('--auth', 'none'), /every client that reaches this server/);
  assert.equal(warnings(), '');
  const jwks = '--auth-jwks-url';
  assert.match(warnings(jwks, 'https://id.example/keys'), /other applications/);
  assert.equal(warnings(jwks, 'https://id.example/keys', '--auth-audience', 'quire'), '');
  assert.match(warnings(jwks, 'http://id.example/keys', '--auth-audience', 'quire'), /without TLS/);
  assert.match(warnings('--auth-url', 'http://app.example/may'), /without TLS/);
  assert.match(warnings('--auth-url', 'http://[2001:db8::1]/may'), /without TLS/);
  for (const near of ['http://[::1]:3000', 'http://app:3000', 'http://localhost:3000', 'http://127.0.0.1:3000']) {
    assert.equal(warnings('--auth-url', near), '');
  }
});

test('options that contradict each other are named in a readable error, which never repeats a password', () => {
  const cases: [string[], RegExp][] = [
    [['--auth', 'none', '--auth-secret', secret], /--auth-secret and --auth exclude each other/],
    [['--auth-url', 'http://a', '--auth-jwks-url', 'http://b'], /--auth-jwks-url and --auth-url exclude each other/],
    [['--auth', 'none', '--auth-url', 'http://a'], /--auth and --auth-url exclude each other/],
    [['--auth', 'jwt'], /--auth must be one of none/],
    [['--auth-issuer', 'us'], /--auth-issuer is about tokens/],
    [['--auth-audience', 'us', '--auth-url', 'http://a'], /--auth-audience is about tokens/],
    [['--auth-revocations', 'list.json'], /--auth-revocations has no effect without tokens/],
    [['--auth-url', 'user:hunter2@app'], /--auth-url must be a URL that begins with https/],
    [['--auth-secret', ','], /--auth-secret must be one or more/],
  ];
  for (const [args, expected] of cases) {
    assert.match(sentence(...args), expected, args.join(' '));
    assert.doesNotMatch(sentence(...args), /hunter2|secret for tests/);
  }
});

test('secrets come from a list and from a file; an unusable key prevents the start and is named', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'secrets');
  writeFileSync(file, `\n${secret}\n${otherSecret}\r\n`);
  await assert.doesNotReject(open(parseConfig(['--auth-secret-file', file], { QUIRE_AUTH_SECRET: secret })));
  const cases: [string[], RegExp][] = [
    [['--auth-secret', `${secret},short`], /A secret for tokens .* has 5 bytes/],
    [['--auth-secret-file', join(folder, 'none')], /none cannot be read/],
    [['--auth-public-key', file], /secrets holds no PEM public key/],
    [['--auth-secret', secret, '--auth-revocations', file], /revocation list .* cannot be read/],
  ];
  for (const [args, expected] of cases) await assert.rejects(open(parseConfig(args, {})), { message: expected });
  writeFileSync(file, '\n');
  await assert.rejects(open(parseConfig(['--auth-secret-file', file], {})), AuthSetupError);
});
