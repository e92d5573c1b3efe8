import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { AcmeStore } from '../acme/acme-store.ts';
import { certificateHealth } from '../tls/certificate-health.ts';
import type { Config } from '../config/config.ts';
import type { CertificatePaths } from '../config/tls.ts';
import { CertificateError, readCertificate } from '../tls/certificate.ts';
import type { Certificate } from '../tls/certificate.ts';
import { dialTls } from './dial.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Target } from './target.ts';

/** The certificate files that a server with this configuration uses. None without TLS, or before the first start. */
export function certificatePaths({ tls, dataDir, ephemeral }: Config): readonly CertificatePaths[] {
  if (tls.mode === 'files') return tls.pairs;
  if (tls.mode === 'acme') {
    const { certificatePath } = new AcmeStore(join(resolve(dataDir), 'acme'), tls.acme.directoryUrl);
    return existsSync(certificatePath) ? [{ certPath: certificatePath, keyPath: certificatePath }] : [];
  }
  if (tls.mode === 'off' || ephemeral) return [];
  const folder = join(resolve(dataDir), 'tls');
  const paths = { certPath: join(folder, 'server.pem'), keyPath: join(folder, 'server-key.pem') };
  return existsSync(paths.certPath) ? [paths] : [];
}

/**
 * The authority of the development certificate, PEM. Null if the server uses another certificate, or has not started
 * yet.
 */
export function developmentAuthority({ tls, dataDir, ephemeral }: Config): string | null {
  if (tls.mode !== 'dev' || ephemeral) return null;
  try {
    return readFileSync(join(resolve(dataDir), 'tls', 'ca.pem'), 'utf8');
  } catch {
    // The server has not started yet.
    return null;
  }
}

/** Reads and checks a certificate on disk. */
export function checkStored(
  paths: CertificatePaths,
  nowMs: number,
): { certificate: Certificate | null; findings: Finding[] } {
  try {
    const certificate = readCertificate(paths.certPath, paths.keyPath, nowMs);
    const date = new Date(certificate.notAfterMs).toISOString().slice(0, 10);
    const late = certificateHealth(certificate, nowMs) !== 'good';
    return { certificate, findings: late ? [finding('local-certificate-late', { date })] : [] };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { certificate: null, findings: [finding('local-certificate', { reason: error.message })] };
  }
}

/**
 * Checks that the server uses one of the certificates on disk. Which one depends on the key types that the doctor
 * offers. Ignores a failed handshake, which the TLS stage explains.
 */
export async function checkServed(
  stored: readonly Certificate[],
  target: Target,
  timeoutMs: number,
): Promise<Finding[]> {
  let socket: TLSSocket;
  try {
    socket = await dialTls(target, target.address ?? target.host, timeoutMs);
  } catch {
    return [];
  }
  const served = socket.getPeerX509Certificate();
  socket.destroy();
  if (served === undefined || stored.some(({ fingerprint }) => fingerprint === served.fingerprint256)) return [];
  const [first] = stored;
  const facts = { served: served.validTo, stored: new Date(first!.notAfterMs).toUTCString(), port: target.port };
  return [finding('local-certificate-stale', facts)];
}
