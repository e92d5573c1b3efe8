import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guardMs } from '../../support/deadline.ts';
import { Quire } from '../../support/quire.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../../server/cli/main.js', import.meta.url));

function doctor(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, 'doctor', ...args], { timeout: guardMs }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('doctor exits with 0 for a healthy server, with its options in any order', async (t) => {
  const quire = await Quire.start(t);
  const ca = join(quire.dataFolder, 'tls', 'ca.pem');
  const people = await doctor(`${quire.wssUrl}/doc`, '--ca', ca);
  assert.equal(people.code, 0, people.stdout);
  assert.match(people.stdout, /^Examining wss:.*, which takes 66 s at most\.\n/);
  assert.match(people.stdout, /round trip +p50 \d/);
  assert.match(people.stdout, /Nothing is wrong\.\n$|\(latency-/);
  const machines = await doctor('--json', '--idle=200ms', `${quire.url}/doc?token=secret&key=secret`);
  assert.equal(machines.code, 0, machines.stdout);
  const report = JSON.parse(machines.stdout) as { ok: boolean; maxSeconds: number; findings: { stage: string }[] };
  assert.ok(report.maxSeconds > 66);
  // Round trips on a busy machine may take long.
  const others = report.findings.filter(({ stage }) => stage !== 'latency');
  assert.deepEqual([report.ok, others], [true, []]);
  assert.doesNotMatch(machines.stdout, /secret/);
  const { port } = new URL(quire.wssUrl);
  const local = await doctor('--json', '--data', quire.dataFolder, '--port', port);
  assert.equal(local.code, 0, local.stdout);
});

test('each problem is printed with a remedy, and the exit status says where it is', async (t) => {
  const quire = await Quire.start(t);
  const untrusted = await doctor(`${quire.wssUrl}/doc`);
  assert.equal(untrusted.code, 12);
  assert.match(untrusted.stdout, /Wrong \(tls-development\): [^]*--ca <data>\/tls\/ca\.pem/);
  assert.equal((await doctor('ws://127.0.0.1:1/sync/doc')).code, 11);
  assert.equal((await doctor(`${quire.url}/a%00b`)).code, 13);
  const missing = await doctor('--json', '--data', join(quire.dataFolder, 'none'), '--tls', 'off', '--port', '1');
  assert.equal(missing.code, 20);
  const { findings } = JSON.parse(missing.stdout) as { findings: { code: string; stage: string }[] };
  assert.ok(
    findings.some(({ code, stage }) => code === 'local-folder-missing' && stage === 'local'),
    missing.stdout,
  );
  assert.match((await doctor('--prot', '1')).stdout, /local-config[^]*Did you mean --port/);
});

test('a call that makes no sense ends with 2 and a sentence', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const cases: readonly [readonly string[], RegExp][] = [
    [['https://example.org/'], /write it as wss:\/\/host\/sync\/document/],
    [['wss://localhost/sync/doc', '--port', '1'], /--port is not expected beside a URL/],
    [['wss://localhost/sync/doc', '--token'], /--token needs a value/],
    [['wss://localhost/sync/doc', '--ca', `${file}.none`], /cannot be read/],
    [['wss://localhost/sync/doc', '--ca', file], /--ca has no certificate in PEM form/],
    [['wss://localhost/sync/doc', '--ca', folder], /cannot be read/],
    [['wss://localhost/sync/doc', '--origin', 'app.example.org'], /not an origin: write .*https:\/\/app\.example\.org/],
    [['wss://localhost/sync/doc', '--idle=soon'], /--idle must be a time/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stderr } = await doctor(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, sentence);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
});
