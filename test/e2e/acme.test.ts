/** A server that gets its certificates by ACME, from an authority that connects to it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { get } from 'node:https';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { guardMs, within } from '../support/deadline.ts';
import { freePort } from '../support/free-port.ts';
import { Pebble } from '../support/pebble.ts';
import { needs } from '../support/programs.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));
const names = ['docs.example.test', 'www.example.test'];

interface Running {
  readonly server: ServerProcess;
  readonly port: number;
  readonly httpPort: number;
  readonly data: string;
  readonly pebble: Pebble;
  start(...args: string[]): ServerProcess;
}

async function setUp(t: TestContext, domains: readonly string[], ...args: string[]): Promise<Running> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const pebble = await Pebble.start(t, { tlsPort: port, httpPort, rejectedNonces: 20 });
  const data = join(tempFolder(t), 'data');
  const start = (): ServerProcess => {
    const server = new ServerProcess({
      script,
      args: [
        ...`serve --data ${data} --port ${port} --http-port ${httpPort}`.split(' '),
        ...`--acme-domain ${domains.join(',')} --acme-email ops@example.test --acme-agree-terms`.split(' '),
        ...`--acme-directory ${pebble.directoryUrl.href} --acme-ca ${pebble.caPath}`.split(' '),
        ...args,
      ],
    });
    t.after(() => server.kill());
    return server;
  };
  return { server: start(), port, httpPort, data, pebble, start };
}

/**
 * Resolves with the certificate that a client receives for a name. With a root, rejects if the client does not trust
 * it.
 */
async function shown(port: number, servername: string, ca: string | null): Promise<PeerCertificate> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername,
    ...(ca === null ? { rejectUnauthorized: false } : { ca }),
  });
  try {
    await within(guardMs, 'a handshake', once(socket, 'secureConnect'));
    return socket.getPeerCertificate();
  } finally {
    socket.destroy();
  }
}

function says(server: ServerProcess, message: string): Promise<string> {
  return server.find((line) => (line.includes(message) ? line : undefined), message);
}

for (const challenge of ['tls-alpn-01', 'http-01']) {
  test(
    `a certificate for two names by ${challenge} is served, kept for this user only, and used again after a restart`,
    needs('pebble'),
    async (t) => {
      const { server, port, data, pebble, start } = await setUp(t, names, '--acme-challenge', challenge);
      await says(server, 'certificate reloaded');
      const root = await pebble.root();
      for (const name of names)
        assert.match((await shown(port, name, root)).subjectaltname ?? '', new RegExp(`DNS:${name}`));
      const socket = { servername: 'docs.example.test' };
      const client = await RawClient.open(`wss://127.0.0.1:${port}/sync/doc`, { ca: root, socket });
      await client.sync();
      await client.close();
      const [folder = ''] = readdirSync(join(data, 'acme'));
      for (const file of readdirSync(join(data, 'acme', folder))) {
        assert.equal(statSync(join(data, 'acme', folder, file)).mode & 0o777, 0o600, file);
      }
      const before = (await shown(port, names[0]!, root)).fingerprint256;
      await server.stop();
      const again = start();
      await says(again, 'listening');
      assert.equal((await shown(port, names[0]!, root)).fingerprint256, before);
      assert.ok(!again.output.includes('certificate ordered'));
    },
  );
}

test(
  'until there is a certificate, a placeholder is served, and log, /readyz and metrics say why',
  needs('pebble'),
  async (t) => {
    const { server, port } = await setUp(t, ['missing.example.test']);
    const line = await says(server, 'certificate not obtained');
    assert.match(line, /missing\.example\.test/);
    const { reason, advice, nextAttempt } = JSON.parse(line) as Record<string, string>;
    assert.match(reason ?? '', /Could not resolve/);
    assert.match(advice ?? '', /--acme-domain/);
    assert.ok(Date.parse(nextAttempt ?? '') > Date.now());
    assert.match(String((await shown(port, 'missing.example.test', null)).subject.CN), /^Quire placeholder/);
    const ready = await ask(port, '/readyz');
    assert.deepEqual(
      [ready.status, JSON.parse(ready.body).certificates],
      [200, [{ names: ['missing.example.test'], notAfter: null, health: 'pending' }]],
    );
    const metrics = (await ask(port, '/metrics')).body;
    assert.match(metrics, /^quire_acme_orders_total\{result="failed"\} 1$/m);
    assert.match(metrics, /^quire_acme_failures_in_a_row 1$/m);
    assert.doesNotMatch(metrics, /^quire_certificate_not_after_seconds\{/m);
  },
);

function ask(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1', rejectUnauthorized: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    }).on('error', reject);
  });
}
