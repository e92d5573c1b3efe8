/** Properties of the whole examination: it ends in time, never throws, and prints no untrusted control characters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine, maxDurationMs, runStage } from '../../server/doctor/doctor.ts';
import { newExamination } from '../../server/doctor/examination.ts';
import type { Stage } from '../../server/doctor/examination.ts';
import { finding } from '../../server/doctor/finding.ts';
import { jsonReport, statusOf, textHeading, textReport } from '../../server/doctor/report.ts';
import { parseTarget, TargetError } from '../../server/doctor/target.ts';
import { Authority } from '../support/authority.ts';
import { guardMs, within } from '../support/deadline.ts';
import { tcpPeer } from './peers.ts';
import { patientDeps } from './deps.ts';

const target = parseTarget('ws://127.0.0.1:1/sync/doc');
const noTime = { maxSeconds: null };

const broken: Stage = () => Promise.reject(new TypeError("Cannot read properties of undefined (reading 'x')"));
const throwing: Stage = () => {
  throw new RangeError('out of range');
};

test('an exception at any stage becomes a finding that names the stage, and exit status 1', async () => {
  for (const [stage, reason] of [
    [broken, /stage "tls": TypeError: Cannot read properties/],
    [throwing, /stage "tls": RangeError: out of range/],
  ] as const) {
    const findings = await runStage('tls', stage, newExamination(target, patientDeps), guardMs);
    assert.equal(findings[0]?.code, 'doctor-failed');
    assert.match(findings[0].sentence, reason);
    assert.equal(statusOf({ findings, measurements: [] }), 1);
  }
  const failing = await examine(target, { ...patientDeps, monotonicMs: () => assert.fail('no clock') });
  assert.equal(failing.findings[0]?.code, 'doctor-failed');
});

test('a stage that never ends becomes a finding of that stage when its time is over', async () => {
  const findings = await runStage('sync', () => new Promise(() => {}), newExamination(target, patientDeps), 20);
  assert.equal(findings[0]?.code, 'doctor-out-of-time');
  assert.match(findings[0].sentence, /stage "sync" did not end within 0\.02 s/);
  assert.equal(statusOf({ findings, measurements: [] }), 14);
});

test('the maximum duration depends on the step timeout and the idle time, and is printed first', () => {
  assert.equal(maxDurationMs({ stepTimeoutMs: 3_000, idleMs: null }), 66_000);
  assert.equal(maxDurationMs({ stepTimeoutMs: 3_000, idleMs: 105_000 }), 66_000 + 105_000 + 4 * 3_000);
  assert.match(textHeading('wss://host', { maxSeconds: 66 }), /^Examining wss:\/\/host, which takes 66 s at most\.\n$/);
  const report = JSON.parse(jsonReport('wss://host', { maxSeconds: 66 }, { findings: [], measurements: [] })) as object;
  assert.deepEqual(report, { target: 'wss://host', maxSeconds: 66, ok: true, findings: [], measurements: {} });
});

test('an examination leaves no socket open, also after a stage that timed out', async (t) => {
  const closed: Promise<void>[] = [];
  const port = await tcpPeer(t, (socket) => {
    closed.push(new Promise((resolve) => void socket.once('close', () => resolve())));
    socket.resume();
  });
  const { findings } = await examine(parseTarget(`ws://127.0.0.1:${port}/sync/doc`), {
    ...patientDeps,
    stepTimeoutMs: 50,
  });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['upgrade-silent'],
  );
  await within(guardMs, 'all sockets are closed', Promise.all(closed));
});

test('control characters from a peer appear in neither report', () => {
  const evil =
    '\u0000\u0007\u001b]8;;http://evil\u001b\\\u007f\u009b2J\u200b\u200f\u202e\u2066\u2028\ufeff\u{e0001}\n\r\t';
  const findings = [
    finding('upgrade-status', { status: 418, reason: evil, server: evil }),
    finding('sync-closed', { closeCode: 4999, reason: evil }),
    finding('tls-wrong-name', { names: evil, host: evil }),
    finding('upgrade-not-http', { beginning: evil }),
  ];
  const examination = newExamination(target, patientDeps);
  const diagnosed = { findings, measurements: examination.measurements };
  const hidden = /[^\P{Cc}\n]|[\u200b\u200f\u2028\u202e\u2066\ufeff\u{e0001}]/u;
  assert.doesNotMatch(textReport(diagnosed), hidden);
  assert.doesNotMatch(jsonReport(evil, noTime, diagnosed), hidden);
  assert.doesNotMatch(jsonReport(evil, noTime, diagnosed), /\\u00|\\[nrtb]/);
  assert.doesNotMatch(textHeading(evil, noTime).trimEnd(), hidden);
});

test('long text from a peer is cut', () => {
  const { sentence } = finding('sync-denied', { reason: 'x'.repeat(100_000) });
  assert.ok(sentence.length < 300);
});

test('an unusable authority and an invalid origin are errors', () => {
  const { cert, key } = Authority.root().leaf();
  const cases: readonly [string, RegExp][] = [
    ['', /no certificate in PEM form/],
    ['garbage', /no certificate in PEM form/],
    [key, /no certificate in PEM form, but a key/],
    [cert.slice(0, 200), /no certificate in PEM form/],
    [cert.replace(/[A-Za-z0-9+/]{64}\n/, ''), /broken/],
    [`${cert}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`, /broken/],
  ];
  for (const [ca, message] of cases) {
    assert.throws(
      () => parseTarget('wss://localhost/sync/doc', { ca }),
      (error) => error instanceof TargetError && message.test(error.message),
      ca.slice(0, 40),
    );
  }
  for (const origin of ['app.example.org', 'https://', '', '//app.example.org', 'localhost:3000']) {
    assert.throws(() => parseTarget('wss://localhost/sync/doc', { origin }), TargetError, origin);
  }
});

function originOf(origin: string): string | null {
  return parseTarget('wss://localhost/sync/doc', { origin }).origin;
}

test('the origin is what the browser sends for a page', () => {
  assert.equal(originOf('https://App.example.org/editor?x#y'), 'https://app.example.org');
  assert.equal(originOf('https://app.example.org:443/'), 'https://app.example.org');
  assert.equal(originOf('http://[::1]:3000'), 'http://[::1]:3000');
  assert.equal(originOf('capacitor://localhost'), 'capacitor://localhost');
  assert.equal(originOf('null'), 'null');
});

function parts(url: string): readonly (string | null)[] {
  const { folder, document, query, token } = parseTarget(url);
  return [folder, document, query, token];
}

test('a URL keeps its slashes, its parameters and their encoding', () => {
  assert.deepEqual(parts('ws://h/sync'), ['/sync/', null, '', null]);
  assert.deepEqual(parts('ws://h/sync/'), ['/sync/', null, '', null]);
  assert.deepEqual(parts('ws://h/sync/a/b%2Fc/'), ['/sync/', 'a/b%2Fc/', '', null]);
  assert.deepEqual(parts('ws://h/sync//a'), ['/sync/', '/a', '', null]);
  assert.deepEqual(parts('ws://h/collab/sync/a/sync/b'), ['/collab/sync/', 'a/sync/b', '', null]);
  assert.deepEqual(parts('ws://h/docs/a'), ['/docs/', 'a', '', null]);
  assert.deepEqual(parts('ws://h/sync/a?k=%2F&token=t+1&&x=&k=2'), ['/sync/', 'a', '?k=%2F&x=&k=2', 't 1']);
});
