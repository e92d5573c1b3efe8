import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort } from './free-port.ts';

test('a free port can be listened on, and is none that a connection gets', async (t) => {
  const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
  assert.equal(new Set(ports).size, 50);
  for (const port of ports) assert.ok(port < 32_768, String(port));
  const server = createServer().listen(ports[0], '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
});
