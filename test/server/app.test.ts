import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { pino } from 'pino';
import type { DocumentLog, UpdateLog } from '../../persistence/update-log.ts';
import { App, ShutdownError } from '../../server/app.ts';
import { AuthStats } from '../../server/auth/auth-stats.ts';
import { openAuth } from '../../server/auth/open-auth.ts';
import { parseConfig } from '../../server/config/config.ts';
import { ListenError } from '../../server/net/listener.ts';
import { StorageStats } from '../../server/metrics/storage-stats.ts';
import { openStorage } from '../../server/storage.ts';
import { OpenSockets } from '../../server/net/open-sockets.ts';
import type { Storage } from '../../server/storage.ts';
import { guardMs, within } from '../support/deadline.ts';
import type { Owner } from '../support/owner.ts';
import { RawClient } from '../support/raw-client.ts';

interface Options {
  readonly args?: readonly string[];
  /** Wraps the storage for a test. */
  readonly wrap?: (storage: Storage) => Storage;
}

const logLinesDropped = (): number => 0;

async function start(owner: Owner, { args = [], wrap = (storage) => storage }: Options = {}): Promise<App> {
  const config = parseConfig(['--ephemeral', '--tls', 'off', '--port', '0', ...args], {});
  const logger = pino({ level: 'silent' });
  const storageStats = new StorageStats();
  const auth = await openAuth(config, { logger, stats: new AuthStats(), now: Date.now });
  const storage = await openStorage(config, { logger, stats: storageStats });
  const net = {
    openSockets: new OpenSockets(Infinity),
    certificates: null,
    acme: null,
    clientAuthority: null,
    logLinesDropped,
  };
  const app = await App.start({ config, logger, auth, storage: wrap(storage), storageStats, ...net });
  owner.after(async () => {
    await app.close().catch(() => {});
    await storage.close();
  });
  return app;
}

function urlOf(app: App): string {
  return `127.0.0.1:${app.addresses[0]?.port}`;
}

test('close ends sessions before the storage, and concurrent calls share one promise', async (t) => {
  let closes = 0;
  const app = await start(t, {
    wrap: (storage) => ({
      ...storage,
      close() {
        closes++;
        assert.equal(client.isOpen, false);
        return storage.close();
      },
    }),
  });
  const client = await RawClient.open(`ws://${urlOf(app)}/sync/doc`);
  await client.sync();
  const closing = app.close();
  assert.equal(app.close(), closing);
  await closing;
  assert.equal(closes, 1);
  assert.deepEqual(await client.closed, { code: 1012, reason: 'server is restarting' });
  await assert.rejects(RawClient.open(`ws://${urlOf(app)}/sync/doc`), { code: 'ECONNREFUSED' });
});

test('close rejects at its deadline, with the step that took too long', async (t) => {
  const app = await start(t, {
    args: ['--shutdown-timeout', '1s'],
    wrap: (storage) => ({ ...storage, close: () => new Promise(() => {}) }),
  });
  await assert.rejects(
    within(guardMs, 'the deadline', app.close()),
    (error) => error instanceof ShutdownError && /Closing the log took too long/.test(error.message),
  );
});

test('a server that cannot listen closes the storage', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  let closes = 0;
  const { port } = other.address() as AddressInfo;
  const starting = start(t, {
    args: ['--port', String(port)],
    wrap: (storage) => ({
      ...storage,
      close() {
        closes++;
        return storage.close();
      },
    }),
  });
  await assert.rejects(starting, ListenError);
  assert.equal(closes, 1);
});

test('a server that cannot listen reports that, even if closing the storage fails too', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const starting = start(t, {
    args: ['--port', String(port)],
    wrap: (storage) => ({ ...storage, close: () => storage.close().then(() => Promise.reject(new Error('close'))) }),
  });
  await assert.rejects(starting, ListenError);
});

test('a client that waits too long for a document is told to reconnect; a client with a document stays (I7, I8)', async (t) => {
  const app = await start(t, {
    args: ['--handshake-timeout', '1s', '--shutdown-timeout', '200ms'],
    wrap: (storage) => ({ ...storage, log: stuckOn('stuck', storage.log) }),
  });
  const refused = async (): Promise<number> => {
    const metrics = await (await fetch(`http://${urlOf(app)}/metrics`)).text();
    return Number(/^quire_connections_refused_total\{error="not-live"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
  };
  const enter = async (): Promise<RawClient> => {
    const client = await RawClient.open(`ws://${urlOf(app)}/sync/doc`);
    const isLive = await client.sync().then(
      () => true,
      () => false,
    );
    // A slow machine may not meet a deadline of a second.
    return isLive ? client : enter();
  };
  const live = await enter();
  const before = await refused();
  const late = await RawClient.open(`ws://${urlOf(app)}/sync/stuck`);
  const { code } = await within(guardMs, 'the deadline', late.closed);
  assert.equal(code, 4529);
  await live.sync();
  const metrics = await (await fetch(`http://${urlOf(app)}/metrics`)).text();
  assert.equal(await refused(), before + 1);
  assert.match(metrics, /^quire_connections 1$/m);
});

/** A log in which one document never opens. */
function stuckOn(stuckId: string, log: UpdateLog): UpdateLog {
  return {
    get state() {
      return log.state;
    },
    onState: (listener) => log.onState(listener),
    open: (docId, follower) => (docId === stuckId ? new Promise<DocumentLog>(() => {}) : log.open(docId, follower)),
    delete: (docId, clients) => log.delete(docId, clients),
    settled: () => log.settled(),
    close: () => log.close(),
  };
}
