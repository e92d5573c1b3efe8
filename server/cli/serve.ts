import { App } from '../app.ts';
import { AuthStats } from '../auth/auth-stats.ts';
import { openAuth } from '../auth/open-auth.ts';
import type { Config } from '../config.ts';
import { openLogOutput } from '../log-output.ts';
import { createLogger } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { OpenSockets } from '../net/open-sockets.ts';
import { openFilesLimit, socketsWithin, webSocketsAmong } from '../open-files.ts';
import { StorageStats } from '../storage-stats.ts';
import { openStorage } from '../storage.ts';
import { openTls } from './open-tls.ts';
import type { Tls } from './open-tls.ts';
import { killAfter } from './signals.ts';
import type { Signals } from './signals.ts';
import { startLines } from './start-lines.ts';

/** After the deadline for stopping in order, this long until the process is killed: the last log lines take up to 1 s. */
const exitGraceMs = 1_500;

/** Resolves when the server listens; the process then lives until a signal ends it. */
export async function serve(config: Config, signals: Signals): Promise<void> {
  const terminal = process.stdout.isTTY;
  const logOutput = terminal ? null : openLogOutput();
  const logger = await createLogger(config.logLevel, logOutput);
  for (const warning of config.warnings) logger.warn(warning);
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'unexpected error');
    process.exit(1);
  });

  const auth = await openAuth(config, { logger, stats: new AuthStats(), now: Date.now });
  // First of all, because it is what a second process on the same folder must stumble over.
  const storageStats = new StorageStats();
  const storage = await openStorage(config, { logger, stats: storageStats });
  let tls: Tls;
  try {
    tls = await openTls(config, logger);
  } catch (error) {
    await storage.close();
    throw error;
  }
  const openFiles = await openFilesLimit();
  const maxSockets = openFiles === null ? Infinity : socketsWithin(openFiles);
  const app = await App.start({
    config: withFewerConnections(config, maxSockets, logger),
    openSockets: new OpenSockets(maxSockets),
    logger,
    auth,
    storage,
    storageStats,
    logLinesDropped: () => logOutput?.linesDropped ?? 0,
    ...tls,
  });
  handleSignals(signals, app, config, logger);

  logger.info({ addresses: app.addresses, redirectPort: app.redirectPort }, 'listening');
  const lines = startLines({ config, addresses: app.addresses, authorityPath: tls.authorityPath }).join('\n');
  // People read them; whatever collects JSON from stdout must not have to.
  if (terminal) console.log(lines);
  else console.error(lines);
}

/** No more than files may be opened for, whatever was asked for. */
function withFewerConnections(config: Config, maxSockets: number, logger: Logger): Config {
  const maxConnections = Math.min(config.limits.maxConnections, webSocketsAmong(maxSockets));
  if (maxConnections === config.limits.maxConnections) return config;
  logger.warn(
    { maxConnections, wanted: config.limits.maxConnections },
    'fewer connections than --max-connections: more files than this process may open; raise its limit (ulimit -n)',
  );
  return { ...config, limits: { ...config.limits, maxConnections } };
}

/** The first signal to stop ends the server in order, the second at once. Another signal reads files again. */
function handleSignals(signals: Signals, app: App, config: Config, logger: Logger): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      logger.warn({ signal }, 'stopped at once');
      process.exit(1);
    }
    isStopping = true;
    killAfter(config.shutdownTimeoutMs + exitGraceMs);
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
  const reload = (): void => {
    logger.info('reading certificates and lists again');
    app.reload();
  };
  signals.handle({ stop, reload });
}
