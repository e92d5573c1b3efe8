import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificateHealth } from '../certificate-health.ts';
import { SilenceError } from './deadline.ts';
import { dial, dialTls, firstBytes, printable } from './dial.ts';
import { measured } from './examination.ts';
import type { Examination, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { serverTimeMs } from './server-time.ts';

const dayMs = 86_400_000;
/** Differences below are nobody's fault. */
const clockToleranceMs = 60_000;

/** Names in placeholder certificates of proxies. */
const placeholders = /Kubernetes Ingress Controller Fake Certificate|TRAEFIK DEFAULT CERT|snakeoil|Plesk|cPanel/i;

/** Shakes hands, and judges the certificate as a browser would. */
export const tlsStage: Stage = async (examination) => {
  const { target, deps } = examination;
  if (!target.secure) return [];
  let socket: TLSSocket;
  try {
    const startMs = deps.monotonicMs();
    socket = await dialTls(target, examination.address!.address, deps.stepTimeoutMs);
    measured(examination, 'tls', `${socket.getProtocol()}, ${Math.round(deps.monotonicMs() - startMs)} ms`);
  } catch (error) {
    return [await handshakeFailed(examination, error)];
  }
  try {
    return await judge(examination, socket);
  } finally {
    socket.destroy();
  }
};

/** What an error of the handshake means. */
async function handshakeFailed(examination: Examination, error: unknown): Promise<Finding> {
  const { target, deps } = examination;
  const facts = { host: target.host, port: target.port, seconds: deps.stepTimeoutMs / 1000 };
  if (error instanceof SilenceError) return finding('tls-silent', facts);
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) return finding('tls-too-old', facts);
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return finding('tls-alpn', facts);
  // Caddy says internal error where it has no certificate for a name.
  if (/UNRECOGNIZED_NAME|ALERT_INTERNAL_ERROR/.test(code)) return finding('tls-name-refused', facts);
  if (/HANDSHAKE_FAILURE/.test(code)) return finding('tls-no-cipher', facts);
  if (/CERTIFICATE_REQUIRED/.test(code)) return finding('tls-client-certificate', facts);
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST|BAD_RECORD|INVALID_/.test(code)) return notTls(examination);
  if (code === 'ECONNRESET' || code === 'EPIPE' || message === 'closed') return finding('tls-cut', facts);
  return finding('tls-untrusted', { ...facts, reason: code || message });
}

async function notTls({ target, deps, address }: Examination): Promise<Finding> {
  let socket: Socket | null = null;
  try {
    socket = await dial(address!.address, target.port, deps.stepTimeoutMs);
    socket.write(`GET / HTTP/1.1\r\nHost: ${target.host}\r\nConnection: close\r\n\r\n`);
    const bytes = await firstBytes(socket, deps.stepTimeoutMs / 2);
    if (bytes.toString('latin1').startsWith('HTTP/1.')) return finding('tls-plain-http', { port: target.port });
    return finding('tls-not-tls', { port: target.port, beginning: printable(bytes) });
  } catch {
    return finding('tls-not-tls', { port: target.port, beginning: '' });
  } finally {
    socket?.destroy();
  }
}

async function judge(examination: Examination, socket: TLSSocket): Promise<readonly Finding[]> {
  const { target, deps } = examination;
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return [finding('tls-no-cipher')];
  measured(
    examination,
    'certificate',
    `${namesOf(leaf)} until ${day(Date.parse(leaf.validTo))}, by ${commonName(leaf.issuer)}`,
  );
  // Typed as an error; it is its code.
  const problem = socket.authorizationError as unknown as string | null;
  if (problem !== null && problem !== undefined) return [await distrust(examination, socket, leaf, problem)];
  const period = { notBeforeMs: Date.parse(leaf.validFrom), notAfterMs: Date.parse(leaf.validTo) };
  if (certificateHealth(period, deps.now()) === 'good') return [];
  const days = Math.floor((period.notAfterMs - deps.now()) / dayMs);
  return [finding('tls-expires-soon', { date: day(period.notAfterMs), days, host: target.host })];
}

async function distrust(
  examination: Examination,
  socket: TLSSocket,
  leaf: X509Certificate,
  problem: string,
): Promise<Finding> {
  const { target } = examination;
  const facts = { host: target.host, port: target.port, issuer: commonName(leaf.issuer), names: namesOf(leaf) };
  switch (problem) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return badDates(examination, socket, leaf, problem);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      if (placeholders.test(leaf.subject)) return isDefault(leaf, target.host);
      return finding('tls-self-signed', facts);
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE': {
      if (facts.issuer === 'Quire development CA') return finding('tls-development', facts);
      // Public authorities write into their certificates where their own is to be found.
      const alone = issuerOf(socket) === null;
      const fetchable = leaf.infoAccess?.includes('CA Issuers') ?? false;
      return finding(alone && fetchable ? 'tls-missing-intermediate' : 'tls-private-authority', facts);
    }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      if (placeholders.test(leaf.subject)) return isDefault(leaf, target.host);
      return finding(isIP(target.host) === 0 ? 'tls-wrong-name' : 'tls-address', facts);
    default:
      return finding('tls-untrusted', { ...facts, reason: problem });
  }
}

function isDefault(leaf: X509Certificate, host: string): Finding {
  return finding('tls-default-certificate', { subject: commonName(leaf.subject), host });
}

async function badDates(
  examination: Examination,
  socket: TLSSocket,
  leaf: X509Certificate,
  problem: string,
): Promise<Finding> {
  const nowMs = examination.deps.now();
  const theirsMs = await serverTimeMs(examination);
  const isValidAt = (timeMs: number): boolean =>
    Date.parse(leaf.validFrom) <= timeMs && timeMs < Date.parse(leaf.validTo);
  if (theirsMs !== null && Math.abs(theirsMs - nowMs) > clockToleranceMs && isValidAt(theirsMs)) {
    return finding('tls-clock', { offset: duration(Math.abs(theirsMs - nowMs)) });
  }
  if (problem === 'CERT_NOT_YET_VALID') return finding('tls-not-yet-valid', { date: leaf.validFrom });
  if (Date.parse(leaf.validTo) <= nowMs) return finding('tls-expired', { date: leaf.validTo });
  const issuer = issuerOf(socket);
  return finding('tls-chain-expired', {
    subject: issuer === null ? commonName(leaf.issuer) : commonName(issuer.subject),
    date: issuer?.validTo ?? 'an unknown day',
  });
}

/** The certificate that the server has sent for who signed its own; null if it has sent none. */
function issuerOf(socket: TLSSocket): X509Certificate | null {
  const leaf = socket.getPeerCertificate(true);
  const issuer = leaf.issuerCertificate as typeof leaf | undefined;
  if (issuer === undefined || issuer.fingerprint256 === leaf.fingerprint256) return null;
  return new X509Certificate(issuer.raw);
}

function commonName(name: string): string {
  return /^CN=(.*)$/m.exec(name)?.[1] ?? name.replaceAll('\n', ', ');
}

function namesOf(leaf: X509Certificate): string {
  return (leaf.subjectAltName ?? '').replaceAll(/DNS:|IP Address:/g, '') || 'no name at all';
}

function day(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function duration(differenceMs: number): string {
  const hours = differenceMs / 3_600_000;
  if (hours < 1) return `${Math.round(differenceMs / 60_000)} minutes`;
  return hours < 48 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}
