/** The image, built and run as `npm run test:container` does: needs root, buildah, debootstrap, podman and runc. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chownSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Promised } from '../e2e/promised.ts';
import { RoomUnderFire } from '../e2e/room-under-fire.ts';
import { guardMs, paced, within } from '../support/deadline.ts';
import { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { Container, podman } from './container.ts';
import { addedBytes, buildImage, buildImageAgain, image, layersOf } from './images.ts';

const secret = randomBytes(32).toString('hex');
/** What the Dockerfile may add to Node and Debian. 18 MB in November 2026. */
const maxAddedBytes = 20e6;
const quietMs = 25;
/** Of classic-level, for the systems that docs/dependencies.md names. */
const prebuilds = [
  'linux-x64/classic-level.node',
  'linux-x64/classic-level.musl.node',
  'linux-arm64/classic-level.armv8.node',
];

before(buildImage);

test('the image is small, carries its labels, a health check, and a user by number', async (t) => {
  t.diagnostic(`added to the base: ${(addedBytes() / 1e6).toFixed(1)} MB`);
  assert.ok(addedBytes() < maxAddedBytes);
  const [{ Config: config, Healthcheck: health }] = JSON.parse(await podman('image', 'inspect', image)) as [Inspected];
  assert.equal(config.User, '1000:1000');
  assert.deepEqual(Object.keys(config.Volumes), ['/data']);
  assert.deepEqual(health.Test, ['CMD', 'node', 'dist/server/cli/health.js']);
  assert.equal(config.Labels['org.opencontainers.image.licenses'], 'MIT');
});

test('built again from the same sources it is the same, byte for byte', () => {
  assert.deepEqual(layersOf(buildImageAgain()), layersOf(image));
});

test('it holds the database for glibc and for musl, and no file that nothing runs', async (t) => {
  const container = await start(t);
  const files = (await container.execute('find', '/app', '-type', 'f')).split('\n');
  const binaries = files.filter((file) => file.endsWith('.node')).map((file) => file.replace(/.*\/prebuilds\//, ''));
  for (const needed of prebuilds) assert.ok(binaries.includes(needed), needed);
  assert.deepEqual(
    files.filter((file) =>
      /node_modules.*(\.map$|\.d\.[cm]?ts$|\/test\/|\/prebuilds\/(android|darwin|win32))/.test(file),
    ),
    [],
  );
});

test('a secret and a volume are all it needs: stock editors meet over wss, as a user that may do nothing else', async (t) => {
  const container = await start(t);
  const { ca, token } = await access(container);
  const [ada, ben] = [0, 1].map(() => new StockClient(container.url, 'doc', { ca, params: { token } }));
  assert.ok(ada && ben);
  t.after(() => [ada, ben].forEach((client) => client.destroy()));
  await Promise.all([ada.synced(), ben.synced()]);
  ada.text.insert(0, 'from Ada');
  await ben.until(() => ben.content === 'from Ada', "Ada's text at Ben's");

  const status = readFileSync(`/proc/${await container.pid()}/status`, 'utf8');
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m);
  assert.match(status, /^CapBnd:\t0+$/m);
  await assert.rejects(container.execute('touch', '/app/dist/more.js'), /Read-only file system/);
});

test('SIGTERM under load ends it in order, and nothing promised is lost on the same volume (I1, I2)', async (t) => {
  const container = await start(t);
  const { ca, token } = await access(container);
  const url = `${container.url}/fire?token=${token}`;
  const promised = new Promised();
  const room = await RoomUnderFire.open(url, promised, 1, ca);
  const typist = new StockClient(container.url, 'typed', { ca, params: { token }, maxBackoffTime: 200 });
  t.after(() => typist.destroy());
  await typist.synced();
  const typing = setInterval(() => typist.text.insert(typist.text.length, 'x'), quietMs);
  t.after(() => clearInterval(typing));
  room.write();
  await within(guardMs, 'a first edit', room.begun);
  await paced(1_000);

  const stopping = performance.now();
  assert.equal(await container.stop(), 0, await container.logs());
  t.diagnostic(`stopped after ${Math.round(performance.now() - stopping)} ms, ${promised.count} edits promised`);
  await room.ended();
  await container.startAgain();
  clearInterval(typing);

  const reader = await RawClient.open(url, { ca });
  const found = new Promised();
  for (const update of await reader.sync()) found.takeUpdate(update);
  reader.terminate();
  assert.deepEqual(promised.missingIn(found).slice(0, 10), []);

  // The editor reconnects with the text that was typed while no server ran.
  await typist.synced();
  await typist.saved();
  const fresh = new StockClient(container.url, 'typed', { ca, params: { token } });
  t.after(() => fresh.destroy());
  await fresh.synced();
  assert.equal(fresh.content, typist.content);
});

test('without authentication on a public address it does not start, and says what to set', async (t) => {
  const container = await Container.run(t);
  assert.equal(await container.ended(), 2);
  assert.match(await container.logs(), /exposes every document to other machines.*--auth none/);
});

test('a volume that is read-only or belongs to another user is named in one sentence', async (t) => {
  const own = tempFolder(t);
  chownSync(own, 1000, 1000);
  const foreign = tempFolder(t);
  for (const [volume, cause] of [
    [`${own}:/data:ro`, /^quire: The file system of \/data\/documents is mounted read-only/],
    [`${foreign}:/data`, /^quire: This user \(uid 1000\) may not enter \/data/],
  ] as const) {
    const container = await Container.run(t, { volume, env: { QUIRE_AUTH_SECRET: secret } });
    assert.equal(await container.ended(), 1);
    const sentence = (await container.logs()).split('\n').find((line) => line.startsWith('quire: '));
    assert.match(sentence ?? '', cause);
  }
});

interface Inspected {
  readonly Config: {
    readonly User: string;
    readonly Volumes: Readonly<Record<string, unknown>>;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly Healthcheck: { readonly Test: readonly string[] };
}

async function start(t: TestContext): Promise<Container> {
  const container = await Container.run(t, { env: { QUIRE_AUTH_SECRET: secret } });
  await container.ready();
  return container;
}

/** The authority to trust and a token for every document, both from inside. */
async function access(container: Container): Promise<{ ca: string; token: string }> {
  const ca = await container.execute('cat', '/data/tls/ca.pem');
  const token = await container.execute('quire', 'token', '--document', '*');
  return { ca, token };
}
