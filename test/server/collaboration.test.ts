import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { AuthStats } from '../../server/auth/auth-stats.ts';
import { openAuth } from '../../server/auth/open-auth.ts';
import { Collaboration } from '../../server/collaboration.ts';
import { parseConfig } from '../../server/config/config.ts';
import { systemAfter } from '../../server/limits/after.ts';
import { HeldRefusals } from '../../server/limits/held-refusals.ts';
import { StorageStats } from '../../server/metrics/storage-stats.ts';
import { ClientAddresses } from '../../server/net/client-addresses.ts';
import { openStorage } from '../../server/storage.ts';

test('the constructor starts no timer, and close ends those of start', async (t) => {
  const config = parseConfig(['--ephemeral', '--tls', 'off'], {});
  const logger = pino({ level: 'silent' });
  const auth = await openAuth(config, { logger, stats: new AuthStats(), now: Date.now });
  const storage = await openStorage(config, { logger, stats: new StorageStats() });
  t.after(() => storage.close());
  const started = t.mock.method(globalThis, 'setInterval').mock;
  const stopped = t.mock.method(globalThis, 'clearInterval').mock;
  const collaboration = new Collaboration({
    config,
    logger,
    auth,
    storage,
    addresses: new ClientAddresses(null, () => {}),
    held: new HeldRefusals({ max: 1, maxPerKey: 1, reached: () => {} }, systemAfter),
    clientAuthority: null,
  });
  assert.equal(started.callCount(), 0);

  collaboration.start();
  assert.ok(started.callCount() > 0);
  await collaboration.close();
  const ended = new Set(stopped.calls.map((call) => call.arguments[0]));
  for (const { result } of started.calls) assert.ok(ended.has(result));
});
