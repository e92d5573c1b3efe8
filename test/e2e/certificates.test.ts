import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { examine } from '../../server/doctor/doctor.ts';
import { parseTarget } from '../../server/doctor/target.ts';
import { Authority, writePair } from '../support/authority.ts';
import { guardMs, within } from '../support/deadline.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

test('plain HTTP is redirected to TLS, the doctor reports it, and browsers are told to use TLS only', async (t) => {
  const folder = tempFolder(t);
  const root = Authority.root();
  const { certPath, keyPath } = writePair(folder, 'server', root.leaf());
  const args = ['serve', '--data', join(folder, 'data'), '--port', '0', '--http-port', '0', '--hsts'];
  const server = new ServerProcess({ script, args: [...args, '--tls-cert', certPath, '--tls-key', keyPath] });
  t.after(() => server.kill());
  const httpPort = await server.find((line) => /"redirectPort":(\d+)/.exec(line)?.[1], 'the port');
  const answer = await fetch(`http://localhost:${httpPort}/healthz?x=y`, { redirect: 'manual' });
  assert.equal(answer.status, 308);
  const location = answer.headers.get('location') ?? '';
  assert.match(location, /^https:\/\/localhost:\d+\/healthz\?x=y$/);
  const secure = await new Promise<IncomingMessage>((resolve, reject) => {
    get(location, { ca: root.cert }, resolve).on('error', reject);
  });
  secure.resume();
  assert.deepEqual([secure.statusCode, secure.headers['strict-transport-security']], [200, 'max-age=15552000']);
  const { findings } = await examine(parseTarget(`ws://localhost:${httpPort}/sync/doc`), {
    lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    now: Date.now,
    monotonicMs: () => performance.now(),
    stepTimeoutMs: guardMs,
    idleMs: null,
    proxyIdleMs: 60_000,
  });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['upgrade-redirect-tls'],
  );
});

test('a renewed certificate is served within 5 s, a bad one never, and connected clients stay', async (t) => {
  const folder = tempFolder(t);
  const root = Authority.root();
  const { certPath, keyPath } = writePair(folder, 'server', root.leaf({ commonName: 'first' }));
  const second = writePair(folder, 'second', root.leaf({ commonName: 'second', names: ['two.test'] }));
  const args = ['serve', '--data', join(folder, 'data'), '--port', '0'];
  args.push('--tls-cert', `${certPath},${second.certPath}`, '--tls-key', `${keyPath},${second.keyPath}`);
  const server = new ServerProcess({ script, args });
  t.after(() => server.kill());
  const port = await server.find((line) => /wss:\/\/[^:]+:(\d+)/.exec(line)?.[1], 'the address');

  const served = async (servername: string): Promise<string> => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', servername, ca: root.cert });
    await within(guardMs, 'a handshake', once(socket, 'secureConnect'));
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };
  const client = await RawClient.open(`wss://localhost:${port}/sync/doc`, { ca: root.cert });
  await client.sync();
  assert.deepEqual([await served('localhost'), await served('two.test')], ['first', 'second']);

  // As certbot does, the new files replace the old ones by renaming.
  const renewed = writePair(folder, 'renewed', root.leaf({ commonName: 'renewed' }));
  renameSync(renewed.keyPath, keyPath);
  renameSync(renewed.certPath, certPath);
  await server.find((line) => (line.includes('certificate reloaded') ? true : undefined), 'the reload');
  assert.deepEqual([await served('localhost'), await served('two.test')], ['renewed', 'second']);

  writePair(folder, 'server', { ...root.leaf(), key: root.leaf().key });
  await server.find(
    (line) => (/not reloaded/.test(line) && /does not belong/.test(line) ? true : undefined),
    'the bad pair',
  );
  assert.equal(await served('localhost'), 'renewed');
  await client.saved();
  await client.close();
});
