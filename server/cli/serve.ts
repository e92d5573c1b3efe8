import { App } from '../app.ts';
import { AuthStats } from '../auth/auth-stats.ts';
import { openAuth } from '../auth/open-auth.ts';
import type { Config } from '../config/config.ts';
import { openLogOutput } from './log-output.ts';
import type { LogOutput } from './log-output.ts';
import { createLogger } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { OpenSockets } from '../net/open-sockets.ts';
import { openFilesLimit, socketsWithin, webSocketsAmong } from '../limits/open-files.ts';
import { StorageStats } from '../metrics/storage-stats.ts';
import { openStorage } from '../storage.ts';
import { openTls } from './open-tls.ts';
import type { Later, Tls } from './open-tls.ts';
import { killAfter } from './signals.ts';
import type { Signals } from './signals.ts';
import { startLines } from './start-lines.ts';

/**
 * After the deadline for stopping in order, this long until the process is killed: the last log lines take up to 1 s.
 */
const exitGraceMs = 1_500;

/** Resolves when the server listens; the process then lives until a signal ends it. */
export async function serve(config: Config, signals: Signals): Promise<void> {
  const terminal = process.stdout.isTTY;
  const logOutput = terminal ? null : openLogOutput();
  const logger = await createLogger(config.logLevel, logOutput);
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'unexpected error');
    process.exit(1);
  });

  // Warnings are held until the ready block is printed, so that the user reads first how to use the server.
  const held: (() => void)[] = [];
  const later: Later = (report) => void held.push(report);
  for (const warning of config.warnings) later(() => logger.warn(warning));
  try {
    const { app, authorityPath } = await start(config, { logger, logOutput, later });
    handleSignals(signals, app, config, logger);
    const stop = terminal ? 'Ctrl+C' : `SIGTERM to process ${process.pid}`;
    const lines = startLines({ config, addresses: app.addresses, authorityPath, stop }).join('\n');
    // For people. A program that collects JSON from stdout must not have to read them.
    if (terminal) console.log(lines);
    else console.error(lines);
    if (!terminal) logger.info({ addresses: app.addresses, redirectPort: app.redirectPort }, 'listening');
  } catch (error) {
    const { withWayOut } = await import('./busy-ports.ts');
    throw await withWayOut(error, config, process.env['npm_lifecycle_event'] === 'start');
  } finally {
    for (const report of held) report();
  }
}

interface StartDeps {
  readonly logger: Logger;
  readonly logOutput: LogOutput | null;
  readonly later: Later;
}

async function start(config: Config, { logger, logOutput, later }: StartDeps) {
  const auth = await openAuth(config, { logger, stats: new AuthStats(), now: Date.now });
  // Before everything that listens, because a second process on the same folder must fail here.
  const storageStats = new StorageStats();
  const storage = await openStorage(config, { logger, stats: storageStats });
  let tls: Tls;
  try {
    tls = await openTls(config, logger, later);
  } catch (error) {
    await storage.close().catch((err: unknown) => logger.error({ err }, 'storage could not be closed'));
    throw error;
  }
  const openFiles = await openFilesLimit();
  const maxSockets = openFiles === null ? Infinity : socketsWithin(openFiles);
  const app = await App.start({
    config: withFewerConnections(config, maxSockets, (fields) =>
      later(() => logger.warn({ ...fields, openFiles }, fewerConnections)),
    ),
    openSockets: new OpenSockets(maxSockets),
    logger,
    auth,
    storage,
    storageStats,
    logLinesDropped: () => logOutput?.linesDropped ?? 0,
    ...tls,
  });
  return { app, authorityPath: tls.authorityPath };
}

const fewerConnections =
  'fewer connections than --max-connections are accepted, because this process may not open more files: raise ulimit -n';

/** The settings with as many connections as open files allow. Calls `report` if those are fewer. */
function withFewerConnections(
  config: Config,
  maxSockets: number,
  report: (fields: { readonly maxConnections: number; readonly wanted: number }) => void,
): Config {
  const maxConnections = Math.min(config.limits.maxConnections, webSocketsAmong(maxSockets));
  if (maxConnections === config.limits.maxConnections) return config;
  report({ maxConnections, wanted: config.limits.maxConnections });
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
