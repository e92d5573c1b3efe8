import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Acme } from '../acme/acme.ts';
import type { Config } from '../config/config.ts';
import type { AcmeConfig } from '../config/tls.ts';
import { systemAfter } from '../limits/after.ts';
import type { Logger } from '../logger.ts';
import { CertificateError, parseCertificate } from '../tls/certificate.ts';
import { ClientAuthority } from '../tls/client-authority.ts';
import { fileSource } from '../tls/certificate-source.ts';
import type { CertificateSource } from '../tls/certificate-source.ts';
import { openDevCertificate } from '../tls/dev-certificate.ts';
import type { DevCertificate, DevCertificateDeps } from '../tls/dev-certificate.ts';
import { watchFolders } from '../files/file-watch.ts';
import { ServedCertificates } from '../tls/served-certificates.ts';
import { readVersion } from '../version.ts';

export interface Tls {
  /** Obtains the certificates by ACME; null if they come from elsewhere. */
  readonly acme: Acme | null;
  /** Null for a server without TLS. */
  readonly certificates: ServedCertificates | null;
  /** The authorities whose client certificates are accepted; null if none are requested. */
  readonly clientAuthority: ClientAuthority | null;
  /** The path of the development authority to trust; null if another authority signed the certificate. */
  readonly authorityPath: string | null;
}

/** Takes a report that is to be logged when the server is ready, or when the start has failed. */
export type Later = (report: () => void) => void;

/** Reads, or makes, the certificates to serve. Rejects with CertificateError. */
export async function openTls(config: Config, logger: Logger, later: Later): Promise<Tls> {
  const { clientCertificates } = config;
  const clientAuthority = clientCertificates === null ? null : ClientAuthority.open(clientCertificates.caPath, logger);
  return { ...(await openServed(config, logger, later)), clientAuthority };
}

async function openServed(
  { tls, ephemeral, dataDir }: Config,
  logger: Logger,
  later: Later,
): Promise<Omit<Tls, 'clientAuthority'>> {
  if (tls.mode === 'off') return { acme: null, certificates: null, authorityPath: null };
  if (tls.mode === 'files') {
    const sources = tls.pairs.map(({ certPath, keyPath }) => fileSource(certPath, keyPath));
    return { acme: null, certificates: serveFrom(sources, logger), authorityPath: null };
  }
  if (tls.mode === 'acme') {
    const acme = await openAcme(tls.acme, resolve(dataDir), logger);
    return { acme, certificates: serveFrom([acme.source], logger), authorityPath: null };
  }
  const folder = ephemeral ? null : join(resolve(dataDir), 'tls');
  const deps = { folder, hostName: hostname(), now: Date.now };
  const made = openDevCertificate(deps);
  const { replaced, uncovered } = made;
  if (replaced !== null) {
    later(() =>
      logger.warn(
        { folder, replaced },
        'the development certificate authority is replaced, because the old one could sign for other names: trust the new one, and remove the old one from your browsers',
      ),
    );
  } else if (made.authorityIsNew) later(() => logger.info({ folder }, 'development certificate authority made'));
  if (uncovered !== null) {
    later(() =>
      logger.warn(
        { hostName: uncovered, folder },
        'the development certificate does not cover the name of this machine: remove its folder to have another made',
      ),
    );
  }
  return {
    acme: null,
    certificates: serveFrom([devSource(made, deps)], logger),
    authorityPath: folder === null ? lend(made.authority) : join(folder, 'ca.pem'),
  };
}

function serveFrom(sources: readonly CertificateSource[], logger: Logger): ServedCertificates {
  return ServedCertificates.open(sources, {
    logger,
    now: Date.now,
    after: systemAfter,
    watch: watchFolders,
  });
}

async function openAcme({ domains, caPath, ...account }: AcmeConfig, dataDir: string, logger: Logger): Promise<Acme> {
  const options = {
    ...account,
    names: domains,
    folder: join(dataDir, 'acme'),
    ca: caPath === null ? null : readRoot(caPath),
    userAgent: `quire/${readVersion()}`,
  };
  const { Acme } = await import('../acme/acme.ts');
  return Acme.open(options, { logger, now: Date.now, random: Math.random, after: systemAfter, wait });
}

function readRoot(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CertificateError(`The root ${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  return pause(delayMs, undefined, { signal, ref: false });
}

/**
 * A stored certificate is renewed when it is read. One in memory stays, because a new one would have a new authority.
 */
function devSource(made: DevCertificate, deps: DevCertificateDeps): CertificateSource {
  const first = parseCertificate(made.credentials);
  if (deps.folder === null) return { paths: [], read: () => first };
  return { paths: [], read: () => parseCertificate(openDevCertificate(deps).credentials) };
}

/**
 * The authority to trust must be a file even with --ephemeral. The file is removed when the process ends; keys are
 * never written.
 */
function lend(authority: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quire-tls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, authority);
  return path;
}
