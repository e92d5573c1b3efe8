/** File permissions of an ordinary user. The process of this file gives up the rights of root before the first test. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../server/config/config.ts';
import { examineLocal } from '../../server/doctor/examine-local.ts';
import { machine } from '../../server/doctor/machine.ts';
import { readCertificate } from '../../server/tls/certificate.ts';
import { becomeOrdinaryUser } from '../support/ordinary-user.ts';
import { scratchCertificate } from '../support/scratch-certificate.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder({ after });
const { certPath, keyPath } = scratchCertificate(folder, 'server');
chmodSync(keyPath, 0);
const dataFolder = join(folder, 'data');
mkdirSync(dataFolder, { mode: 0o500 });
becomeOrdinaryUser(folder);

test('a key without read permission is refused with a readable error', () => {
  assert.throws(() => readCertificate(certPath, keyPath, Date.now()), /this user may not read it/);
});

test('the doctor reports a data folder without write permission', async () => {
  const config = parseConfig(['--data', dataFolder, '--tls', 'off', '--port', '1'], {});
  const { findings } = await examineLocal(
    config,
    null,
    {
      lookup: () => Promise.reject(new Error('the doctor knows its own address')),
      now: Date.now,
      monotonicMs: () => performance.now(),
      stepTimeoutMs: 60_000,
      idleMs: null,
      proxyIdleMs: 60_000,
    },
    { ...machine, openFilesLimit: () => Promise.resolve(1_000_000) },
  );
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['local-folder-denied', 'local-not-running'],
  );
});
