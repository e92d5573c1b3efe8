/** Deployments without a fault: the doctor must report nothing. The documented proxies are in proxies.test.ts. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { makeToken } from '../../server/cli/token.ts';
import { examine } from '../../server/doctor/doctor.ts';
import type { Diagnosed } from '../../server/doctor/doctor.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import type { TargetOptions } from '../../server/doctor/target.ts';
import { Authority } from '../support/authority.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { gateway, httpAnswer, listen, passOn, tlsFront } from './peers.ts';
import { patientDeps } from './deps.ts';

const secret = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const root = Authority.root();
const owner = new Disposer();
let quire: Quire;
let port: number;

before(async () => {
  quire = await Quire.start(owner, { args: ['--ephemeral'] });
  port = Number(new URL(quire.url).port);
});
after(() => owner.dispose());

async function diagnose(url: string, options: TargetOptions, more: Partial<DoctorDeps> = {}): Promise<Diagnosed> {
  return examine(parseTarget(url, options), { ...patientDeps, ...more });
}

/** There are no findings, and the doctor has also written. */
async function healthy(url: string, options: TargetOptions = {}, more: Partial<DoctorDeps> = {}): Promise<void> {
  const { findings, measurements } = await diagnose(url, options, more);
  assert.deepEqual(findings, []);
  const names = measurements.map(({ name }) => name);
  assert.ok(names.includes('saved') && names.includes('message of 1 MB'), names.join());
}

test('a private authority with its intermediate', async (t) => {
  const intermediate = root.intermediate();
  const { cert, key } = intermediate.leaf();
  const front = await tlsFront(t, { cert: cert + intermediate.cert, key }, port);
  await healthy(`wss://localhost:${front}/sync/doc`, { ca: root.cert });
});

test('a private authority whose chain has two intermediates, the root and an unrelated certificate, in another order', async (t) => {
  const intermediate = root.intermediate();
  const second = intermediate.intermediate('Test second');
  const { cert, key } = second.leaf();
  const others = [root, Authority.root('Stranger'), intermediate, second].map((one) => one.cert).join('');
  const front = await tlsFront(t, { cert: cert + others, key }, port);
  await healthy(`wss://localhost:${front}/sync/doc`, { ca: root.cert });
});

test('a certificate with a wildcard, a name that ends in a dot, and a page of that name', async (t) => {
  const front = await tlsFront(t, root.leaf({ names: ['*.example.test'] }), port);
  await healthy(`wss://sync.example.test.:${front}/sync/doc`, { ca: root.cert });
});

const bothAddresses: DoctorDeps['lookup'] = async () => [
  { address: '127.0.0.2', family: 4 },
  { address: '127.0.0.3', family: 4 },
];

test('several addresses with different certificates, each of them good', async (t) => {
  const front = await tlsFront(t, root.leaf({ names: ['sync.test'] }), port, { host: '127.0.0.2' });
  await tlsFront(t, root.leaf({ names: ['sync.test', 'x.test'] }), port, { host: '127.0.0.3', port: front });
  await healthy(`wss://sync.test:${front}/sync/doc`, { ca: root.cert }, { lookup: bothAddresses });
});

test('IPv6 alone', async (t) => {
  // Not a skip, which fails CI: IPv6 cannot be installed like a program.
  if (!hasIPv6) return t.diagnostic('not tested: this machine has no IPv6');
  const front = await listen(
    t,
    createServer((socket) => passOn(socket, port)),
    { host: '::1' },
  );
  await healthy(`ws://[::1]:${front}/sync/doc`);
  const tls = await tlsFront(t, root.leaf({ names: ['::1'] }), port, { host: '::1' });
  await healthy(`wss://[::1]:${tls}/sync/doc`, { ca: root.cert });
});

test('a gateway that wants a key in the query', async (t) => {
  const wants = await gateway(t, port, (head) =>
    / \/sync\/[^ ]*\?key=a%2Fb&region=eu /.test(head) ? { pass: head } : { answer: httpAnswer('403 Forbidden') },
  );
  await healthy(`ws://127.0.0.1:${wants}/sync/doc?key=a%2Fb&region=eu`);
  const { findings } = await diagnose(`ws://127.0.0.1:${wants}/sync/doc?key=b&region=eu`, {});
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['upgrade-forbidden'],
  );
});

/** A proxy that replaces the beginning of the path. */
const rewriting = (from: string, to: string) => (head: string) =>
  head.startsWith(`GET ${from}`)
    ? { pass: head.replace(from, to) }
    : { answer: httpAnswer('404 Not Found', [], 'nothing here') };

test('behind a path that the proxy removes or replaces, with any document', async (t) => {
  for (const [from, to] of [
    ['/collab/sync/', '/sync/'],
    ['/docs/', '/sync/'],
    ['/a/b/c/', '/sync/'],
    ['/sync/team/', '/sync/'],
  ] as const) {
    const proxy = await gateway(t, port, rewriting(from, to));
    for (const document of ['doc', 'notes/todo', 'notes/2026/11/28']) {
      await healthy(`ws://127.0.0.1:${proxy}${from}${document}`);
    }
  }
});

test('the documented token for scratch documents works, with slashes in the name and behind a path', async (t) => {
  const locked = await Quire.start(t, { tls: 'off', env: secret, args: ['--ephemeral'] });
  const proxy = await gateway(t, Number(new URL(locked.url).port), rewriting('/docs/', '/sync/'));
  const documents = ['--document', 'notes/a/b', '--document', 'quire-doctor/*'];
  const token = await makeToken(documents, secret, Date.now());
  await healthy(`${locked.url}/notes/a/b`, { token });
  await healthy(`ws://127.0.0.1:${proxy}/docs/notes/a/b`, { token });
});
