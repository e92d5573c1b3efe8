import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeholder } from '../../../server/acme/acme-certificate.ts';
import { registerCertificateMetrics } from '../../../server/metrics/certificates.ts';
import { MetricRegistry } from '../../../server/metrics/registry.ts';
import { openDevCertificate } from '../../../server/tls/dev-certificate.ts';
import { CertificateError, parseCertificate } from '../../../server/tls/certificate.ts';
import type { Certificate } from '../../../server/tls/certificate.ts';
import { fileSource } from '../../../server/tls/certificate-source.ts';
import { ServedCertificates } from '../../../server/tls/served-certificates.ts';
import type { Logger } from '../../../server/logger.ts';
import { Authority } from '../../support/authority.ts';
import { asOrdinaryUser, badFiles, folderFor } from '../../support/bad-files.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const dayMs = 86_400_000;
const pollMs = 60_000;
const settleMs = 200;
const root = Authority.root();

interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** One source whose content the test replaces, a manual clock, and file events on command. */
function setUp(first: Certificate, nowMs = first.notBeforeMs + dayMs) {
  const clock = new ManualClock();
  const startMs = clock.wallMs();
  const lines: Line[] = [];
  const log =
    (level: Line['level']) =>
    (_fields: object, message: string): void => {
      lines.push({ level, message });
    };
  const state = { found: first as Certificate | string | Error, events: () => {}, watches: 0, skewMs: 0 };
  const source = {
    paths: ['cert', 'key'],
    read() {
      if (state.found instanceof Error) throw state.found;
      if (typeof state.found === 'string') throw new CertificateError(state.found);
      return state.found;
    },
  };
  const certificates = ServedCertificates.open([source], {
    logger: { info: log('info'), warn: log('warn'), error: log('error') } as unknown as Logger,
    now: () => nowMs + state.skewMs + clock.wallMs() - startMs,
    after(delayMs, callback) {
      const timer = clock.after(delayMs, callback);
      return () => timer.cancel();
    },
    watch(_paths, changed) {
      state.events = changed;
      state.watches++;
      return { stop: () => state.watches-- };
    },
  });
  const changes: string[] = [];
  certificates.onChange((current) => changes.push(current[0]!.fingerprint));
  certificates.start();
  const poll = (times = 1): void => {
    for (let done = 0; done < times; done++) clock.advance(pollMs);
  };
  return { certificates, clock, state, lines, changes, poll };
}

function make(options: Parameters<Authority['leaf']>[0] = {}): Certificate {
  return parseCertificate(root.leaf(options));
}

test('the sources are read a moment after a file event, and a change is published once', () => {
  const [first, second] = [make(), make()];
  const { certificates, clock, state, changes, lines } = setUp(first);
  state.found = second;
  state.events();
  state.events();
  assert.deepEqual(changes, []);
  clock.advance(settleMs);
  assert.deepEqual(changes, [second.fingerprint]);
  assert.equal(certificates.current[0], second);
  state.events();
  clock.advance(settleMs);
  assert.equal(changes.length, 1, 'nothing has changed');
  assert.deepEqual([certificates.reloads, certificates.failures], [1, 0]);
  assert.deepEqual(lines, [{ level: 'info', message: 'certificate reloaded' }]);
});

test('a change without a file event is found within a minute', () => {
  const second = make();
  const { state, changes, poll } = setUp(make());
  state.found = second;
  poll();
  assert.deepEqual(changes, [second.fingerprint]);
});

test('constant file events do not delay the read', () => {
  const { clock, state, changes } = setUp(make());
  state.found = make();
  for (let atMs = 0; atMs < settleMs; atMs += 50) {
    state.events();
    clock.advance(50);
  }
  assert.equal(changes.length, 1);
});

test('a half-written pair is read again; a bad one is reported once, and the old one is still served', () => {
  const [first, second] = [make(), make()];
  const { certificates, clock, state, lines, changes, poll } = setUp(first);
  state.found = 'half';
  state.events();
  clock.advance(settleMs);
  clock.advance(settleMs);
  state.found = second;
  clock.advance(settleMs);
  assert.deepEqual(changes, [second.fingerprint]);
  assert.equal(certificates.failures, 0);

  state.found = 'bad';
  state.events();
  for (let atMs = 0; atMs < 4_000; atMs += settleMs) clock.advance(settleMs);
  assert.equal(certificates.failures, 1, 'reported within 4 s');
  poll(3);
  assert.equal(certificates.failures, 1, 'and not again while it is the same');
  assert.equal(certificates.current[0], second);
  assert.deepEqual(lines.at(-1), { level: 'error', message: 'certificate not reloaded' });

  state.found = first;
  poll();
  state.found = 'bad';
  poll();
  assert.equal(certificates.failures, 2, 'bad again after it was good');
});

test('a source that fails with a system error is reported once and read again', () => {
  const [first, second] = [make(), make()];
  const { certificates, state, lines, poll } = setUp(first);
  state.found = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' });
  poll(3);
  assert.deepEqual(lines, [{ level: 'error', message: 'certificate not reloaded' }]);
  assert.deepEqual([certificates.current[0], certificates.failures], [first, 1]);
  state.found = second;
  poll();
  assert.equal(certificates.current[0], second);
});

test('the last certificate stays in use after any fault of its files', (t) => {
  const parent = tempFolder(t);
  for (const [index, fault] of badFiles.entries()) {
    const folder = folderFor(parent, `pair-${index}`);
    const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const store = (pair: Certificate): void => {
      writeFileSync(certPath, pair.cert);
      writeFileSync(keyPath, pair.key);
    };
    const [first, second] = [make(), make()];
    store(first);
    const { certificates, state, clock, lines } = setUp(first);
    const source = fileSource(certPath, keyPath);
    Object.defineProperty(state, 'found', { get: () => source.read(Date.now(), certificates.current[0]!) });
    const poll = (): void => asOrdinaryUser(() => clock.advance(pollMs));
    fault.spoil(certPath);
    poll();
    poll();
    assert.deepEqual(lines, [{ level: 'error', message: 'certificate not reloaded' }], fault.name);
    assert.equal(certificates.current[0], first, fault.name);
    fault.repair(certPath);
    store(second);
    poll();
    assert.equal(certificates.current[0]?.fingerprint, second.fingerprint, fault.name);
  }
});

test('a certificate that a listener refuses is withdrawn', () => {
  const [first, second] = [make(), make()];
  const { certificates, state, poll } = setUp(first);
  const taken: Certificate[] = [];
  certificates.onChange(([certificate]) => {
    if (certificate === second) throw new Error('OpenSSL says no');
    taken.push(certificate!);
  });
  state.found = second;
  poll();
  assert.equal(certificates.current[0], first);
  assert.deepEqual(taken, [first]);
  assert.deepEqual([certificates.reloads, certificates.failures], [0, 1]);
});

test('a late renewal is logged once a day, as an error below a sixth of the lifetime, until it is done', () => {
  const startMs = Date.now();
  const first = make({ fromMs: startMs, toMs: startMs + 60 * dayMs });
  const { certificates, state, lines, poll } = setUp(first, startMs + 39.5 * dayMs);
  const pollsADay = dayMs / pollMs;
  assert.deepEqual(lines, []);
  poll(pollsADay);
  poll(pollsADay);
  const late = 'certificate should have been renewed';
  assert.deepEqual(lines, [
    { level: 'warn', message: late },
    { level: 'warn', message: late },
  ]);
  assert.equal(certificates.reports[0]?.health, 'renew-soon');
  poll(9 * pollsADay);
  assert.deepEqual(lines.at(-1), { level: 'error', message: 'certificate expires soon' });
  poll(11 * pollsADay);
  assert.deepEqual(lines.at(-1), { level: 'error', message: 'certificate has expired' });
  assert.equal(certificates.reports[0]?.health, 'expired');
  assert.ok(lines.length <= 23, `${lines.length} lines in 22 days`);
  state.found = make({ toMs: startMs + 900 * dayMs });
  poll();
  const before = lines.length;
  poll(2 * pollsADay);
  assert.equal(lines.length, before);
});

test('a late renewal is logged after a clock that was ahead is corrected', () => {
  const startMs = Date.now();
  const first = make({ fromMs: startMs, toMs: startMs + 60 * dayMs });
  const { state, lines, poll } = setUp(first, startMs + 45 * dayMs);
  assert.equal(lines.length, 1);
  state.skewMs = 365 * dayMs;
  poll(2);
  state.skewMs = 0;
  poll(2);
  const messages = lines.map(({ message }) => message);
  assert.deepEqual(messages, [
    'certificate should have been renewed',
    'certificate has expired',
    'certificate should have been renewed',
  ]);
});

test('a certificate that browsers refuse is reported with its kind', async (t) => {
  const names = ['a.test'];
  const staging = Authority.root('(STAGING) Pretend Pear X1').intermediate('(STAGING) Counterfeit Cashew R10');
  const development = openDevCertificate({ folder: null, hostName: 'desk', now: Date.now });
  const cases: readonly [string | null, Certificate, RegExp | null][] = [
    ['placeholder', placeholder(names, Date.now()), /^a placeholder is served/],
    ['staging', parseCertificate(staging.leaf({ names })), /^a staging certificate is served/],
    ['development', parseCertificate(development.credentials), null],
    [null, make({ names }), null],
    // Only the issuer shows that a certificate is from staging.
    [null, make({ names, commonName: '(STAGING) x' }), null],
  ];
  for (const [kind, certificate, warning] of cases) {
    const { certificates, lines } = setUp(certificate);
    t.after(() => certificates.stop());
    assert.equal(certificates.reports[0]?.kind, kind);
    const registry = new MetricRegistry();
    registerCertificateMetrics(registry, certificates);
    const text = await registry.text();
    for (const each of ['placeholder', 'staging', 'development']) {
      const line = `quire_certificates_untrusted{kind="${each}"} ${each === kind ? 1 : 0}`;
      assert.ok(text.split('\n').includes(line), line);
    }
    const messages = lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
    assert.equal(messages.length, warning === null ? 0 : 1);
    if (warning !== null) assert.match(messages[0]!, warning);
  }
});

test('after stop() no watch and no timer is left', () => {
  const { certificates, clock, state } = setUp(make());
  state.events();
  certificates.stop();
  assert.deepEqual(clock.pending, []);
  assert.equal(state.watches, 0);
});
