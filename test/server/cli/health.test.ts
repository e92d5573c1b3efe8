import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Quire } from '../../support/quire.ts';
import { ServerProcess } from '../../support/server-process.ts';

const script = fileURLToPath(new URL('../../../server/cli/health.js', import.meta.url));

test('the health check finds a server by its port, with and without TLS', async (t) => {
  const quire = await Quire.start(t);
  for (const url of [quire.wssUrl, quire.url]) {
    assert.deepEqual(await check(t, new URL(url).port), { code: 0, output: '' });
  }
});

test('the health check fails with a reason if no server answers', async (t) => {
  const quire = await Quire.start(t, { tls: 'off' });
  const { port } = new URL(quire.url);
  await quire.process.stop();
  const { code, output } = await check(t, port);
  assert.equal(code, 1);
  assert.match(output, new RegExp(`^No answer from 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`));
});

async function check(t: TestContext, port: string): Promise<{ code: number | null; output: string }> {
  const health = new ServerProcess({ script, env: { QUIRE_PORT: port } });
  t.after(() => health.kill());
  const { code } = await health.exited;
  return { code, output: health.output };
}
