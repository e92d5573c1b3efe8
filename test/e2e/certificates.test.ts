import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Authority, writePair } from '../support/authority.ts';
import { within } from '../support/deadline.ts';
import { RawClient } from '../support/raw-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));

test('a renewed certificate is served within 5 s, a bad one never, and who is connected stays', async (t) => {
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
    await within(5_000, 'a handshake', once(socket, 'secureConnect'));
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };
  const client = await RawClient.open(`wss://localhost:${port}/sync/doc`, { ca: root.cert });
  await client.sync();
  assert.deepEqual([await served('localhost'), await served('two.test')], ['first', 'second']);

  // As certbot does: the new files take the place of the old ones.
  const renewed = writePair(folder, 'renewed', root.leaf({ commonName: 'renewed' }));
  renameSync(renewed.keyPath, keyPath);
  renameSync(renewed.certPath, certPath);
  await server.find((line) => (line.includes('certificate reloaded') ? true : undefined), 'the reload', 5_000);
  assert.deepEqual([await served('localhost'), await served('two.test')], ['renewed', 'second']);

  writePair(folder, 'server', { ...root.leaf(), key: root.leaf().key });
  await server.find(
    (line) => (/not reloaded/.test(line) && /does not belong/.test(line) ? true : undefined),
    'the bad pair',
    5_000,
  );
  assert.equal(await served('localhost'), 'renewed');
  await client.saved();
  await client.close();
});
