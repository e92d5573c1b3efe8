import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { App } from '../app.ts';
import { AuthStats } from '../auth/auth-stats.ts';
import { openAuth } from '../auth/open-auth.ts';
import type { Config } from '../config.ts';
import { createLogger } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { readCertificate } from '../net/certificate.ts';
import { openDevCertificate } from '../net/dev-certificate.ts';
import type { Credentials } from '../net/listener.ts';
import { StorageStats } from '../storage-stats.ts';
import { openStorage } from '../storage.ts';
import { startLines } from './start-lines.ts';

/** Resolves when the server listens; the process then lives until a signal ends it. */
export async function serve(config: Config): Promise<void> {
  const terminal = process.stdout.isTTY;
  const logger = await createLogger(config.logLevel, terminal);
  for (const warning of config.warnings) logger.warn(warning);
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'unexpected error');
    process.exit(1);
  });

  const auth = openAuth(config, { logger, stats: new AuthStats(), now: Date.now });
  // First of all, because it is what a second process on the same folder must stumble over.
  const storageStats = new StorageStats();
  const storage = await openStorage(config, { logger, stats: storageStats });
  let tls: Tls;
  try {
    tls = openTls(config, logger);
  } catch (error) {
    await storage.close();
    throw error;
  }
  const app = await App.start({ config, logger, auth, storage, storageStats, credentials: tls.credentials });
  endOnSignals(app, logger);

  logger.info({ addresses: app.addresses }, 'listening');
  const lines = startLines({ config, addresses: app.addresses, authorityPath: tls.authorityPath }).join('\n');
  // People read them; whatever collects JSON from stdout must not have to.
  if (terminal) console.log(lines);
  else console.error(lines);
}

interface Tls {
  readonly credentials: Credentials | null;
  /** The certificate to trust; null if it is none of ours. */
  readonly authorityPath: string | null;
}

function openTls({ tls, ephemeral, dataDir }: Config, logger: Logger): Tls {
  if (tls.mode === 'off') return { credentials: null, authorityPath: null };
  if (tls.mode === 'files') {
    return { credentials: readCertificate(tls.certPath, tls.keyPath, Date.now()), authorityPath: null };
  }
  const folder = ephemeral ? null : join(resolve(dataDir), 'tls');
  const made = openDevCertificate({ folder, hostName: hostname(), now: Date.now });
  if (made.authorityIsNew) logger.info({ folder }, 'development certificate authority made');
  if (made.uncovered !== null) {
    logger.warn(
      { hostName: made.uncovered, folder },
      'the development certificate does not cover the name of this machine: remove its folder to have another made',
    );
  }
  return {
    credentials: made.credentials,
    authorityPath: folder === null ? lend(made.authority) : join(folder, 'ca.pem'),
  };
}

/** Something to trust must be a file, also if nothing else is kept. It is gone when the process ends; the keys never leave it. */
function lend(authority: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quire-tls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, authority);
  return path;
}

/** The first signal ends in order, the second at once. */
function endOnSignals(app: App, logger: Logger): void {
  let ending = false;
  const end = (signal: NodeJS.Signals): void => {
    if (ending) {
      logger.warn({ signal }, 'stopped at once');
      process.exit(1);
    }
    ending = true;
    logger.info({ signal }, 'stopping');
    app.close().then(
      () => {
        logger.info('stopped');
        process.exit(0);
      },
      (err: unknown) => {
        logger.error({ err }, 'not stopped in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}
