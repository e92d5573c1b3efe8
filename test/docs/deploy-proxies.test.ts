/** Runs docs/deploy/Caddyfile and nginx.conf in the real proxies, with editors behind them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { metricsPaths, startProxy, statusOf } from '../doctor/proxy.ts';
import { needs } from '../support/programs.ts';
import type { ProxyName } from '../doctor/proxy.ts';
import { projectFolder } from '../support/lock-file.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { secret, tokenFor } from '../support/tokens.ts';

/** The file with the names and paths that `startProxy` replaces. */
function deployed(file: string): string {
  return readFileSync(join(projectFolder, 'docs/deploy', file), 'utf8')
    .replaceAll('{$QUIRE_DOMAIN}', 'sync.example.org')
    .replaceAll('{$QUIRE_UPSTREAM}', '127.0.0.1:8443')
    .replaceAll('/etc/quire/tls/', '/etc/letsencrypt/live/sync.example.org/')
    .replaceAll('sync.example.com', 'sync.example.org');
}

const files: readonly (readonly [ProxyName, string])[] = [
  ['caddy', 'Caddyfile'],
  ['nginx', 'nginx.conf'],
];

for (const [name, file] of files) {
  test(
    `behind ${name} with docs/deploy/${file} stock editors meet over wss, Quire sees addresses, and /metrics is closed`,
    needs(name),
    async (t) => {
      const args = ['--ephemeral', '--trusted-proxies', '127.0.0.1'];
      const quire = await Quire.start(t, { tls: 'off', args, env: { QUIRE_AUTH_SECRET: secret } });
      const { url, ca } = await startProxy(t, name, deployed(file), Number(new URL(quire.url).port));
      const params = { token: await tokenFor() };
      const [ada, ben] = [0, 1].map(() => new StockClient(url, 'doc', { ca, params }));
      assert.ok(ada && ben);
      t.after(() => [ada, ben].forEach((client) => client.destroy()));
      await Promise.all([ada.synced(), ben.synced()]);
      ada.text.insert(0, 'through a proxy');
      await ben.until(() => ben.content === 'through a proxy', "Ada's text at Ben's");
      await ada.saved();

      const socket = { localAddress: '127.0.0.7', servername: 'localhost', headers: { host: new URL(url).host } };
      const address = `${url.replace('localhost', '127.0.0.1')}/doc`;
      const refused = await RawClient.open(address, { ca, protocols: ['quire', 'bad'], socket });
      assert.equal((await refused.closed).code, 4401);
      await quire.process.find((line) => /"address":"127\.0\.0\.7".*access refused/.exec(line)?.[0], 'its address');

      const { origin } = new URL(url.replace('wss', 'https'));
      assert.equal(await statusOf(`${origin}/healthz`, ca), 200);
      for (const path of metricsPaths) assert.equal(await statusOf(`${origin}${path}`, ca), 404, path);
    },
  );
}
