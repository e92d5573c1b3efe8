/** The address of a client behind a real nginx, as the log shows it when access is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { documented, startProxy } from '../doctor/proxy.ts';
import { needs } from '../support/programs.ts';
import { guardMs, within } from '../support/deadline.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { secret } from '../support/tokens.ts';

const withNginx = needs('nginx');

/** Connects through nginx with a bad token and these headers. Resolves with the address in the log. */
async function addressInLog(
  t: TestContext,
  args: readonly string[],
  localAddress: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly address: string; readonly quire: Quire }> {
  const quire = await Quire.start(t, {
    tls: 'off',
    args: ['--ephemeral', ...args],
    env: { QUIRE_AUTH_SECRET: secret },
  });
  const { url, ca } = await startProxy(t, 'nginx', documented('nginx'), Number(new URL(quire.url).port));
  const options = { ca, protocols: ['quire', 'bad'], socket: { localAddress, headers } };
  const client = await RawClient.open(`${url.replace('localhost', '127.0.0.1')}/doc`, options);
  t.after(() => client.terminate());
  assert.equal((await within(guardMs, 'the refusal', client.closed)).code, 4401);
  const address = await quire.process.find((line) => {
    if (!line.includes('access refused')) return undefined;
    return (JSON.parse(line) as { address: string }).address;
  }, 'a refusal in the log');
  return { address, quire };
}

test('the address that a trusted nginx forwards is used', withNginx, async (t) => {
  const { address } = await addressInLog(t, ['--trusted-proxies', '127.0.0.1'], '127.0.0.7');
  assert.equal(address, '127.0.0.7');
});

test('an address or invalid text that the client writes into X-Forwarded-For is ignored', withNginx, async (t) => {
  for (const header of [
    '203.0.113.9',
    '203.0.113.9, 127.0.0.1',
    'unknown, "',
    '127.0.0.1,'.repeat(200) + '198.51.100.1',
  ]) {
    const { address } = await addressInLog(t, ['--trusted-proxies', '127.0.0.1'], '127.0.0.7', {
      'X-Forwarded-For': header,
    });
    assert.equal(address, '127.0.0.7', header);
  }
});

test('the header of a proxy that is not trusted is ignored, and the log says so once', withNginx, async (t) => {
  const { address, quire } = await addressInLog(t, [], '127.0.0.7', { 'X-Forwarded-For': '203.0.113.9' });
  assert.equal(address, '127.0.0.1');
  const warnings = quire.process.output.split('\n').filter((line) => line.includes('--trusted-proxies'));
  assert.equal(warnings.length, 1);
});

test('a chain of trusted proxies is followed to the first that is not one of them', withNginx, async (t) => {
  const trusted = ['--trusted-proxies', '127.0.0.1,127.0.0.7,10.0.0.0/8'];
  const headers = { 'X-Forwarded-For': '203.0.113.9, 198.51.100.1, 10.1.2.3' };
  const { address } = await addressInLog(t, trusted, '127.0.0.7', headers);
  assert.equal(address, '198.51.100.1');
});
