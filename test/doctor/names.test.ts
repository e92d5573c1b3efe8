/** Lookups with the real getaddrinfo, in a process with its own /etc/resolv.conf. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guardMs } from '../support/deadline.ts';
import type { Owner } from '../support/owner.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { adviceOf } from './advice.ts';
import { nameFaults } from './name-faults.ts';
import { nameServer } from './name-server.ts';
import type { NameServerFault } from './name-server.ts';
import { tcpPeer } from './peers.ts';
import { needsOwnMounts } from '../support/mounting.ts';

const script = fileURLToPath(new URL('../../server/cli/main.js', import.meta.url));
const asRoot = needsOwnMounts();

/** getaddrinfo waits for 30 s at each server, twice: longer than any test. */
const patient = 'options timeout:30 attempts:2\n';

interface Report {
  readonly maxSeconds: number;
  readonly findings: readonly { readonly code: string; readonly sentence: string; readonly advice: string }[];
}

/** The output of `quire doctor --json` on a machine with these name servers. */
function doctorAt(owner: Owner, servers: readonly string[], url: string): Promise<Report> {
  const resolv = join(tempFolder(owner), 'resolv.conf');
  writeFileSync(resolv, `${servers.map((address) => `nameserver ${address}\n`).join('')}${patient}`);
  const inside = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const args = ['-m', 'sh', '-c', inside, resolv, process.execPath, script, 'doctor', '--json', url];
  return new Promise((resolve, reject) => {
    execFile('unshare', args, { timeout: guardMs, killSignal: 'SIGKILL' }, (_error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Report);
      } catch {
        reject(new Error(`no report: ${stdout}${stderr}`));
      }
    });
  });
}

describe(
  'the doctor names the cause of a lookup that fails, and ends before getaddrinfo does',
  { concurrency: 4 },
  () => {
    for (const { name, expected, servers } of nameFaults) {
      test(`${name}: ${expected}`, asRoot, async (t) => {
        const addressOf = (kind: NameServerFault | 'nothing'): Promise<string> =>
          kind === 'nothing' ? Promise.resolve('127.254.254.254') : nameServer(t, kind);
        const addresses = await Promise.all(servers.map(addressOf));
        // If the lookup succeeds, the stages after it must not hang.
        const port = await tcpPeer(t, (socket) => socket.destroy());
        const report = await doctorAt(t, addresses, `ws://sync.test:${port}/sync/doc`);
        const [finding] = report.findings;
        assert.equal(finding?.code, expected, JSON.stringify(report));
        assert.ok(finding.advice.includes(adviceOf[expected]!), finding.advice);
        assert.match(finding.sentence, /sync\.test|3 s|this machine/);
      });
    }

    test('the examination continues after a lookup that succeeds', asRoot, async (t) => {
      const port = await tcpPeer(t, (socket) => socket.destroy());
      const report = await doctorAt(t, [await nameServer(t, 'address')], `ws://sync.test:${port}/sync/doc`);
      assert.deepEqual(
        report.findings.map(({ code }) => code),
        ['upgrade-cut'],
      );
    });
  },
);
