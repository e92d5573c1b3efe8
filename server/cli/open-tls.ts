import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { parseCertificate } from '../net/certificate.ts';
import { fileSource } from '../net/certificate-source.ts';
import type { CertificateSource } from '../net/certificate-source.ts';
import { openDevCertificate } from '../net/dev-certificate.ts';
import type { DevCertificate, DevCertificateDeps } from '../net/dev-certificate.ts';
import { watchFolders } from '../net/file-watch.ts';
import { ServedCertificates } from '../net/served-certificates.ts';

export interface Tls {
  /** Null for a server without TLS. */
  readonly certificates: ServedCertificates | null;
  /** The certificate to trust; null if it is none of ours. */
  readonly authorityPath: string | null;
}

/** Reads, or makes, the certificates to serve. Throws CertificateError. */
export function openTls({ tls, ephemeral, dataDir }: Config, logger: Logger): Tls {
  if (tls.mode === 'off') return { certificates: null, authorityPath: null };
  if (tls.mode === 'files') {
    const sources = tls.pairs.map(({ certPath, keyPath }) => fileSource(certPath, keyPath));
    return { certificates: serveFrom(sources, logger), authorityPath: null };
  }
  const folder = ephemeral ? null : join(resolve(dataDir), 'tls');
  const deps = { folder, hostName: hostname(), now: Date.now };
  const made = openDevCertificate(deps);
  if (made.authorityIsNew) logger.info({ folder }, 'development certificate authority made');
  if (made.uncovered !== null) {
    logger.warn(
      { hostName: made.uncovered, folder },
      'the development certificate does not cover the name of this machine: remove its folder to have another made',
    );
  }
  return {
    certificates: serveFrom([devSource(made, deps)], logger),
    authorityPath: folder === null ? lend(made.authority) : join(folder, 'ca.pem'),
  };
}

function serveFrom(sources: readonly CertificateSource[], logger: Logger): ServedCertificates {
  return new ServedCertificates(sources, {
    logger,
    now: Date.now,
    after(delayMs, callback) {
      const timeout = setTimeout(callback, delayMs).unref();
      return () => clearTimeout(timeout);
    },
    watch: watchFolders,
  });
}

/** One that is kept renews itself when it is looked at. One in memory stays: another would have another authority. */
function devSource(made: DevCertificate, deps: DevCertificateDeps): CertificateSource {
  const first = parseCertificate(made.credentials);
  if (deps.folder === null) return { paths: [], read: () => first };
  return { paths: [], read: () => parseCertificate(openDevCertificate(deps).credentials) };
}

/** Something to trust must be a file, also if nothing else is kept. It is gone when the process ends; the keys never leave it. */
function lend(authority: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quire-tls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, authority);
  return path;
}
