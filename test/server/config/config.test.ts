import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { optionNames, options } from '../../../server/config/options.ts';
import { ConfigError, parseConfig } from '../../../server/config/config.ts';

function sentence(args: readonly string[], environment: Record<string, string> = {}): string {
  try {
    parseConfig(args, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return 'accepted';
}

test('without flags and variables all defaults apply, and the configuration is frozen', () => {
  const config = parseConfig([], {});
  assert.deepEqual(config, {
    host: '127.0.0.1',
    port: 8443,
    dataDir: './data',
    tls: { mode: 'dev' },
    clientCertificates: null,
    plainPort: 8080,
    httpPort: null,
    hsts: false,
    demo: true,
    auth: { mode: 'unset' },
    revocationsPath: null,
    origins: { origins: [], sameHost: false, loopback: true },
    commit: 'fsync',
    ephemeral: false,
    logLevel: 'info',
    diskReserveBytes: 64 * 1024 * 1024,
    acceptDamagedLog: false,
    keepDeleted: null,
    limits: {
      maxConnections: 20_000,
      maxConnectionsPerAddress: 1_000,
      maxConnectionsPerUser: 200,
      maxConnectionsPerDocument: 1_000,
      connectRate: { perSecond: 1_000, burst: 4_000 },
      connectRatePerAddress: { perSecond: 50, burst: 500 },
      requestRate: { perSecond: 1_000, burst: 4_000 },
      requestRatePerAddress: { perSecond: 100, burst: 1_000 },
      refusedWorkPerAddress: { perSecond: 3, burst: 60 },
      openRatePerAddress: { perSecond: 50, burst: 500 },
      maxMessageBytes: 20 * 1024 * 1024,
      maxUnreadAnswerBytes: 64 * 1024 ** 2,
      maxPartialBytes: 128 * 1024 ** 2,
      messageRate: { perSecond: 1_000, burst: 20_000 },
      receiveRate: { perSecond: 4 * 1024 * 1024, burst: 40 * 1024 * 1024 },
      presenceRate: { perSecond: 60, burst: 120 },
      syncRate: { perSecond: 2 * 1024 * 1024, burst: 40 * 1024 * 1024 },
      maxNewClients: 10_000,
      maxDocumentBytes: 100 * 1024 * 1024,
      maxOutboxMemoryBytes: 256 * 1024 * 1024,
      maxRoomMemoryBytes: 512 * 1024 * 1024,
    },
    trustedProxies: null,
    metricsAllowed: null,
    handshakeTimeoutMs: 10_000,
    idleRoomTimeoutMs: 30_000,
    shutdownTimeoutMs: 8_000,
    warnings: [],
  });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.tls));
});

test('a flag overrides its variable, and a variable overrides the default; an empty variable is ignored', () => {
  assert.equal(parseConfig([], { QUIRE_PORT: '9000' }).port, 9000);
  assert.equal(parseConfig(['--port', '9001'], { QUIRE_PORT: '9000' }).port, 9001);
  assert.equal(parseConfig(['--port=9001'], {}).port, 9001);
  assert.equal(parseConfig([], { QUIRE_PORT: '' }).port, 8443);
  assert.equal(parseConfig([], { QUIRE_EPHEMERAL: 'true' }).ephemeral, true);
  assert.equal(parseConfig(['--ephemeral'], { QUIRE_EPHEMERAL: 'no' }).ephemeral, true);
});

test('quotes, CR and spaces around the value of a variable, as from env files, are ignored', () => {
  for (const value of ['"/var/lib/quire"', "'/var/lib/quire'", '/var/lib/quire\r', ' "/var/lib/quire" \r']) {
    assert.equal(parseConfig([], { QUIRE_DATA: value }).dataDir, '/var/lib/quire', JSON.stringify(value));
  }
  assert.equal(parseConfig([], { QUIRE_PORT: '"9000"\r' }).port, 9000);
  for (const empty of ['\r', '""', "''", ' ']) assert.equal(parseConfig([], { QUIRE_PORT: empty }).port, 8443);
  // A quote only at the beginning or only at the end belongs to the value, and so do quotes inside it.
  for (const data of [`it's`, `"x`, `x'`, `a"b"c`]) assert.equal(parseConfig([], { QUIRE_DATA: data }).dataDir, data);
  assert.equal(parseConfig(['--data', '"x"'], {}).dataDir, '"x"', 'a shell has removed the quotes of a flag');
  const { auth } = parseConfig([], { QUIRE_AUTH_SECRET: `"${'s'.repeat(40)}"\r` });
  assert.deepEqual(auth.mode === 'jwt' && auth.secrets, ['s'.repeat(40)]);
});

test('a size of 0 is refused; only the disk reserve may be turned off', () => {
  for (const name of optionNames.filter((name) => options[name].value === 'size')) {
    const refused = name === 'disk-reserve' ? 'accepted' : `--${name} must be above 0, not '0B'.`;
    assert.equal(sentence([`--${name}`, '0B']), refused);
    assert.equal(sentence([`--${name}`, '1B']), 'accepted');
  }
});

test('documents are configured by name or prefix', () => {
  const { keepDeleted } = parseConfig(['--keep-deleted', 'versions/*,minutes', '--keep-deleted', 'law'], {});
  const kept = ['versions/1', 'versions/', 'minutes', 'law', 'minutes/1', 'version', ''].filter((id) =>
    keepDeleted?.(id),
  );
  assert.deepEqual(kept, ['versions/1', 'versions/', 'minutes', 'law']);
  assert.equal(parseConfig(['--keep-deleted', '*'], {}).keepDeleted?.('any'), true);
  assert.match(sentence(['--keep-deleted', 'a,,b']), /^--keep-deleted must be/);
});

test('addresses are configured singly or as ranges', () => {
  const { trustedProxies, metricsAllowed } = parseConfig(['--trusted-proxies', '10.0.0.0/8, fd00::/8,192.0.2.1'], {
    QUIRE_METRICS_ALLOWED: '192.0.2.0/24',
  });
  for (const address of ['10.9.9.9', '192.0.2.1']) assert.ok(trustedProxies?.check(address), address);
  assert.ok(trustedProxies?.check('fd00::1', 'ipv6'));
  assert.ok(!trustedProxies?.check('192.0.2.2'));
  assert.ok(metricsAllowed?.check('192.0.2.2'));
  for (const bad of ['example.org', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.1,']) {
    assert.match(sentence(['--trusted-proxies', bad]), /^--trusted-proxies must be/, bad);
  }
});

test('times and sizes have units', () => {
  const config = parseConfig(
    ['--shutdown-timeout', '500ms', '--idle-room-timeout', '5m', '--handshake-timeout', '1H', '--disk-reserve', '2gb'],
    { QUIRE_MAX_MESSAGE_SIZE: '512 KB' },
  );
  assert.equal(config.shutdownTimeoutMs, 500);
  assert.equal(config.idleRoomTimeoutMs, 300_000);
  assert.equal(config.handshakeTimeoutMs, 3_600_000);
  assert.equal(config.diskReserveBytes, 2 * 1024 ** 3);
  assert.equal(config.limits.maxMessageBytes, 512 * 1024);
});

test('the error for an invalid option says how to correct it', () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['--prot', '1'], /no option --prot\. Did you mean --port\?/],
    [['--tlscert=x'], /no option --tlscert\. Did you mean --tls-cert\?/],
    [['--no-ephemeral'], /Did you mean --ephemeral\?/],
    [['--qqqqqqqq'], /^There is no option --qqqqqqqq\.$/],
    [['-p', '1'], /no option -p\./],
    [['--port'], /--port needs a value: --port <port>/],
    [['--port', '--host', 'x'], /--port needs a value/],
    [['--port', 'http'], /--port must be a port from 1 to 65535, or 0 for any free one, not 'http'/],
    [['--port', '65536'], /--port must be a port/],
    [['--port', '-1'], /--port must be a port/],
    [['--port', '1e3'], /--port must be a port/],
    [['--host', ' '], /--host must not be empty/],
    [['--tls', 'on'], /--tls must be one of dev, off, not 'on'/],
    [['--commit', 'never'], /--commit must be one of fsync, write/],
    [['--log-level', 'loud'], /--log-level must be one of trace, /],
    [['--ephemeral=maybe'], /--ephemeral must be true or false/],
    [['--disk-reserve', '64'], /--disk-reserve must be a size with a unit, such as 512KB, 64MB or 1GB, not '64'/],
    [['--disk-reserve', '64ms'], /--disk-reserve must be a size/],
    [['--shutdown-timeout', '10'], /--shutdown-timeout must be a time with a unit, such as 500ms/],
    [['--shutdown-timeout', '0s'], /--shutdown-timeout must be from 1ms to 596h/],
    [['--shutdown-timeout', '999h'], /--shutdown-timeout must be from 1ms to 596h/],
    [['--max-connections', '0'], /--max-connections must be a whole number above 0/],
    [['--tls-cert', 'a'], /Add --tls-key <file>/],
    [['--tls-key', 'a'], /Add --tls-cert <file>/],
    [['--tls', 'off', '--tls-cert', 'a', '--tls-key', 'b'], /exclude each other/],
    [['--plain-port', '80', '--host', '0.0.0.0', '--auth', 'none'], /--plain-port is for development/],
    [['--plain-port', '80', '--tls', 'off'], /with --tls off, --port is already plain/],
    [['--plain-port', '80', '--tls-cert', 'a', '--tls-key', 'b'], /--plain-port is for development/],
    [['--http-port', '80'], /--http-port needs a certificate of your own/],
    [['--hsts', '--tls', 'off'], /--hsts needs a certificate .*the proxy must set it/],
    [['--http-port', '8443', '--tls-cert', 'a', '--tls-key', 'b'], /--port and --http-port are both 8443/],
    [['--plain-port', '8443'], /--port and --plain-port are both 8443/],
    [['somewhere'], /'somewhere' is not expected here/],
  ];
  for (const [args, expected] of cases) assert.match(sentence(args), expected, args.join(' '));
  assert.match(sentence([], { QUIRE_TLS: 'on' }), /^QUIRE_TLS must be one of/);
  assert.match(sentence([], { QUIRE_PORT: 'tcp://10.0.0.1:8443' }), /Kubernetes/);
  assert.match(sentence(['--tls-cert', 'a', '--tls-key', 'b'], { QUIRE_TLS: 'dev' }), /^QUIRE_TLS and a certificate/);
});

test('several certificates and their keys are separated by commas, in the same order', () => {
  assert.deepEqual(parseConfig(['--tls-cert', 'a, b', '--tls-key', 'c,d'], {}).tls, {
    mode: 'files',
    pairs: [
      { certPath: 'a', keyPath: 'c' },
      { certPath: 'b', keyPath: 'd' },
    ],
  });
  assert.match(
    sentence(['--tls-cert', 'a,b', '--tls-key', 'c']),
    /2 certificates and 1 keys\. Pass one key for each certificate/,
  );
});

test('the plain port exists only in development', () => {
  assert.equal(parseConfig(['--host', '::1'], {}).plainPort, 8080);
  assert.equal(parseConfig(['--host', 'localhost'], {}).plainPort, 8080);
  assert.equal(parseConfig(['--plain-port', 'off'], {}).plainPort, null);
  assert.equal(parseConfig(['--plain-port', '0', '--port', '0'], {}).plainPort, 0);
  assert.equal(parseConfig(['--host', '0.0.0.0', '--auth', 'none'], {}).plainPort, null);
  assert.equal(parseConfig(['--host', '127.evil.example', '--auth', 'none'], {}).plainPort, null);
  assert.equal(parseConfig(['--tls', 'off'], {}).plainPort, null);
  assert.equal(parseConfig(['--tls-cert', 'a', '--tls-key', 'b'], {}).plainPort, null);
});

test('an unknown QUIRE_ variable is a warning, not an error, because Kubernetes sets some for every service', () => {
  const { warnings } = parseConfig([], { QUIRE_PROT: '1', QUIRE_SERVICE_HOST: '10.0.0.1', OTHER: 'x' });
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? '', /QUIRE_PROT has no effect\. Did you mean QUIRE_PORT\?/);
});

test('any arguments give a configuration or a ConfigError, never another error', (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const flags = fc.constantFrom(
    ...optionNames.map((name) => `--${name}`),
    '--',
    '-',
    '--=',
    '-x',
    '--port=',
    '--__proto__',
  );
  const values = fc.oneof(fc.string(), fc.constantFrom('0', '1', 'off', 'dev', '10s', '1MB', 'fsync', 'true'));
  fc.assert(
    fc.property(fc.array(fc.oneof(flags, values), { maxLength: 8 }), (args) => {
      assert.ok(sentence(args).length > 0);
    }),
    { seed, numRuns: 1_000 },
  );
});
