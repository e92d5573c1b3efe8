import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { examine } from '../../server/doctor/doctor.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import type { TargetOptions } from '../../server/doctor/target.ts';
import { guardMs } from '../support/deadline.ts';
import { Disposer } from '../support/owner.ts';
import { Quire } from '../support/quire.ts';
import { tcpPeer } from './peers.ts';
import { needs } from '../support/programs.ts';
import { documented, metricsPaths, startProxy, statusOf } from './proxy.ts';

const owner = new Disposer();
let quirePort: number;

before(async () => {
  const quire = await Quire.start(owner, { tls: 'off', args: ['--ephemeral'] });
  quirePort = Number(new URL(quire.url).port);
});
after(() => owner.dispose());

async function codes(url: string, options: TargetOptions, idleMs: number | null = null): Promise<readonly string[]> {
  const deps: DoctorDeps = {
    lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    now: Date.now,
    monotonicMs: () => performance.now(),
    stepTimeoutMs: guardMs,
    idleMs,
    proxyIdleMs: 60_000,
  };
  return (await examine(parseTarget(url, options), deps)).findings.map(({ code }) => code);
}

for (const name of ['nginx', 'caddy', 'haproxy'] as const) {
  test(`the documented configuration of ${name} forwards everything except /metrics`, needs(name), async (t) => {
    const { url, ca } = await startProxy(t, name, documented(name), quirePort);
    const origin = new URL(url.replace('wss', 'https')).origin;
    assert.deepEqual(await codes(`${url}/doc`, { ca, origin }, 2_000), []);
    assert.equal(await statusOf(`${origin}/healthz`, ca), 200);
    for (const path of metricsPaths) assert.equal(await statusOf(`${origin}${path}`, ca), 404, path);
  });
}

const withNginx = needs('nginx');

/** The documented configuration with one line changed. */
function spoilt(line: string | RegExp, instead: string): string {
  const good = documented('nginx');
  const bad = good.replace(line, instead);
  assert.notEqual(bad, good);
  return bad;
}

const faults: readonly [string, string | RegExp, string, string, number?][] = [
  ['without the Upgrade header', /.*proxy_set_header (Upgrade|Connection).*\n.*\n/, '', 'upgrade-headers-stripped'],
  ['without proxy_http_version', 'proxy_http_version 1.1;', 'proxy_http_version 1.0;', 'upgrade-http-1-0'],
  [
    'with proxy_pass only',
    /proxy_http_version 1.1;|proxy_set_header (Upgrade|Connection|Host).*\n/g,
    '',
    'upgrade-headers-stripped',
  ],
  [
    'with a login',
    'location / {',
    'location / { auth_basic x; auth_basic_user_file /dev/null;',
    'upgrade-token-missing',
  ],
  ['with a rule against it', 'location / {', 'location / { deny all;', 'upgrade-forbidden'],
  ['with another path', 'location / {', 'location /collab/ {', 'upgrade-not-found'],
  ['with a redirect', 'location / {', 'location / { return 301 https://www.localhost$request_uri;', 'upgrade-redirect'],
  ['with a limit of requests', 'location / {', 'location / { return 429;', 'upgrade-throttled'],
  ['with a path that is cut off', /proxy_pass (.*);/, 'proxy_pass $1/other/;', 'upgrade-wrong-path'],
  ['that ends idle connections', 'proxy_read_timeout 75s', 'proxy_read_timeout 1s', 'idle-cut', 4_000],
  ['for TLS 1.1', 'server_name', 'ssl_protocols TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0; server_name', 'tls-too-old'],
  [
    'with a client certificate',
    'server_name',
    'ssl_verify_client on; ssl_client_certificate cert.pem; server_name',
    'tls-client-certificate',
  ],
];

for (const [name, line, instead, expected, idleMs] of faults) {
  test(`nginx ${name}: ${expected}`, withNginx, async (t) => {
    const { url, ca } = await startProxy(t, 'nginx', spoilt(line, instead), quirePort);
    assert.deepEqual(await codes(`${url}/doc`, { ca }, idleMs ?? null), [expected]);
  });
}

test('nginx that changes Host, for a page of the same host', withNginx, async (t) => {
  const env = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'], env });
  const backend = Number(new URL(quire.url).port);
  const names = ['sync.test', 'localhost'];
  const changed = await startProxy(t, 'nginx', spoilt(/proxy_set_header Host .*\n/, '\n'), backend, names);
  const url = changed.url.replace('localhost', 'sync.test');
  const origin = new URL(url.replace('wss', 'https')).origin;
  assert.deepEqual(await codes(`${url}/doc`, { ca: changed.ca, origin }), ['upgrade-host-changed']);
  const kept = await startProxy(t, 'nginx', documented('nginx'), backend, names);
  const good = kept.url.replace('localhost', 'sync.test');
  const options = { ca: kept.ca, origin: new URL(good.replace('wss', 'https')).origin };
  assert.deepEqual(await codes(`${good}/doc`, options), ['sync-token-missing']);
});

test('nginx that asks for a client certificate, and lets Quire refuse', withNginx, async (t) => {
  const optional = spoilt('server_name', 'ssl_verify_client optional_no_ca; server_name');
  const env = { QUIRE_AUTH_SECRET: 'a secret of thirty-two bytes or more' };
  const quire = await Quire.start(t, { tls: 'off', args: ['--ephemeral'], env });
  const { url, ca } = await startProxy(t, 'nginx', optional, Number(new URL(quire.url).port));
  assert.deepEqual(await codes(`${url}/doc`, { ca }), ['sync-client-certificate']);
});

test('nginx in front of a server that is off, or hangs', withNginx, async (t) => {
  const off = await startProxy(t, 'nginx', documented('nginx'), 1);
  assert.deepEqual(await codes(`${off.url}/doc`, { ca: off.ca }), ['upgrade-bad-gateway']);
  const hanging = await tcpPeer(t, (socket) => socket.resume());
  const slow = await startProxy(t, 'nginx', spoilt('proxy_read_timeout 75s', 'proxy_read_timeout 1s'), hanging);
  assert.deepEqual(await codes(`${slow.url}/doc`, { ca: slow.ca }), ['upgrade-gateway-timeout']);
});

test('ws:// to the TLS port of nginx, and wss:// to a plain one', withNginx, async (t) => {
  const tls = await startProxy(t, 'nginx', documented('nginx'), quirePort);
  assert.deepEqual(await codes(`${tls.url.replace('wss', 'ws')}/doc`, {}), ['upgrade-needs-tls']);
  const plain = await startProxy(t, 'nginx', spoilt('443 ssl', '443'), quirePort);
  assert.deepEqual(await codes(`${plain.url}/doc`, { ca: plain.ca }), ['tls-plain-http']);
});
