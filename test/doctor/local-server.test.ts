/** The doctor on the server's machine, with a server that hangs or does not fit its settings. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { parseConfig } from '../../server/config/config.ts';
import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { examineLocal } from '../../server/doctor/examine-local.ts';
import { machine } from '../../server/doctor/machine.ts';
import { Authority, writePair } from '../support/authority.ts';
import { guardMs } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { listen, tcpPeer, tlsFront } from './peers.ts';

const deps: DoctorDeps = {
  lookup: () => Promise.reject(new Error('the doctor knows its own address')),
  now: Date.now,
  monotonicMs: () => 0,
  stepTimeoutMs: guardMs,
  idleMs: null,
  proxyIdleMs: 60_000,
};

/** The findings about the connection. The machine that runs the test may have others. */
async function codes(args: readonly string[], stepTimeoutMs: number = guardMs): Promise<readonly string[]> {
  const local = { ...machine, openFilesLimit: () => Promise.resolve(null), fsyncsMs: () => Promise.resolve([1]) };
  const config = parseConfig(args, {});
  const { findings } = await examineLocal(config, null, { ...deps, stepTimeoutMs }, local);
  return findings.map(({ code }) => code).filter((code) => !/^local-(folder|disk)/.test(code));
}

test('a certificate whose first name is an IPv6 address, a wildcard, or not the name of any host', async (t) => {
  const root = Authority.root();
  const quire = await Quire.start(t, { tls: 'off' });
  for (const names of [['::1', 'localhost'], ['2001:db8::1'], ['*.example.test'], ['a b', 'localhost']]) {
    const pair = root.leaf({ names });
    const { certPath, keyPath } = writePair(tempFolder(t), 'pair', pair);
    const port = await tlsFront(t, pair, Number(new URL(quire.url).port));
    const args = ['--data', quire.dataFolder, '--tls-cert', certPath, '--tls-key', keyPath, '--port', String(port)];
    // The only finding is that its authority is not public.
    assert.deepEqual(await codes(args), ['tls-private-authority'], names.join());
  }
});

test('settings with TLS for a server without TLS, and the reverse', async (t) => {
  const quire = await Quire.start(t);
  const plain = new URL(quire.url).port;
  const tls = new URL(quire.wssUrl).port;
  assert.deepEqual(await codes(['--data', quire.dataFolder, '--port', plain]), ['tls-plain-http']);
  assert.deepEqual(await codes(['--data', quire.dataFolder, '--port', tls, '--tls', 'off']), ['upgrade-needs-tls']);
});

test('a server that hangs', async (t) => {
  const quire = await Quire.start(t);
  quire.process.signal('SIGSTOP');
  t.after(() => quire.process.signal('SIGCONT'));
  const tls = new URL(quire.wssUrl).port;
  const plain = new URL(quire.url).port;
  assert.deepEqual(await codes(['--data', quire.dataFolder, '--port', tls], 200), ['tls-silent']);
  assert.deepEqual(await codes(['--data', quire.dataFolder, '--port', plain, '--tls', 'off'], 200), ['upgrade-silent']);
});

test('another program at the port of the server', async (t) => {
  const folder = tempFolder(t);
  const web = await listen(
    t,
    createServer((_, response) => response.end('page')),
  );
  const ssh = await tcpPeer(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
  const off = ['--data', folder, '--tls', 'off', '--port'];
  assert.deepEqual(await codes([...off, String(web)]), ['upgrade-ignored']);
  assert.deepEqual(await codes([...off, String(ssh)]), ['upgrade-not-http']);
});
