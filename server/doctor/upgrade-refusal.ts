import { insistsOnCertificate, isCertificateWanted } from './client-certificate-probe.ts';
import { ConnectionError } from './connection.ts';
import { SilenceError } from './deadline.ts';
import { dialTls, printable } from './dial.ts';
import type { Examination, HostAddress } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';
import { ownPath, tokenProtocols } from './document-request.ts';
import { hostHeader, isLoopback, withoutToken } from './target.ts';
import type { Target } from './target.ts';
import { requestUpgrade } from './upgrade-request.ts';
import type { UpgradeAnswer } from './upgrade-request.ts';

/**
 * The finding for a request without a readable response. Throws errors again that are not failures of the connection.
 */
export async function requestFailed(examination: Examination, address: HostAddress, error: unknown): Promise<Finding> {
  const { target, deps } = examination;
  if (error instanceof ConnectionError) return error.finding;
  if (error instanceof SilenceError) return finding('upgrade-silent', { seconds: deps.stepTimeoutMs / 1000 });
  const failure = error as NodeJS.ErrnoException & { rawPacket?: Buffer };
  const { code, rawPacket } = failure;
  if (code === undefined) throw error;
  // With TLS 1.3 this alert comes after the handshake.
  if (isCertificateWanted(failure)) return finding('tls-client-certificate');
  if (!target.secure && (isTlsAlert(rawPacket) || (await speaksTls(examination, address)))) {
    return finding('upgrade-needs-tls', { port: target.port });
  }
  if (!code.startsWith('HPE_')) {
    const wanted = target.secure && (await insistsOnCertificate(examination, address));
    return finding(wanted ? 'tls-client-certificate' : 'upgrade-cut');
  }
  if (isHttp2(rawPacket)) return finding('upgrade-http2');
  return finding('upgrade-not-http', { beginning: printable(rawPacket ?? Buffer.alloc(0)) });
}

/** RFC 8446, 5.1: content type alert (21), version 3.x. */
function isTlsAlert(bytes: Buffer | undefined): boolean {
  return bytes?.[0] === 0x15 && bytes[1] === 0x03;
}

/** RFC 9113: the server begins with a SETTINGS frame (type 4) on stream 0. */
function isHttp2(bytes: Buffer | undefined): boolean {
  return bytes !== undefined && bytes.length >= 9 && bytes[3] === 0x04 && bytes.readUInt32BE(5) === 0;
}

async function speaksTls({ target, deps }: Examination, { address }: HostAddress): Promise<boolean> {
  try {
    (await dialTls({ ...target, secure: true }, address, deps.stepTimeoutMs / 3)).destroy();
    return true;
  } catch {
    return false;
  }
}

/** The finding for an HTTP response other than 101. */
export async function refused(examination: Examination, address: HostAddress, answer: UpgradeAnswer): Promise<Finding> {
  const { target } = examination;
  const { status, headers, body } = answer;
  const quire = readQuireError(body);
  const reason = quire?.reason ?? titleOf(withoutToken(body, target));
  const facts = {
    status,
    reason: reason || 'no reason is given',
    path: target.path,
    location: withoutToken(headers.location ?? 'nowhere', target),
    server: withoutToken(String(headers.server ?? 'it does not say what it is'), target),
    origin: target.origin ?? '',
    port: target.port,
    address: address.address,
  };
  if (quire !== null) {
    const code = quireFinding(quire);
    if (code !== null) return finding(code, facts);
  }
  if (status >= 200 && status < 300) return finding('upgrade-ignored', facts);
  if (headers.location !== undefined && status >= 300 && status < 400) {
    const toTls = !target.secure && /^(https|wss):/i.test(headers.location);
    return finding(toTls ? 'upgrade-redirect-tls' : 'upgrade-redirect', facts);
  }
  switch (status) {
    case 400:
      if (/plain HTTP request was sent to HTTPS port/i.test(body)) return finding('upgrade-needs-tls', facts);
      if (/No required SSL certificate/i.test(body)) return finding('tls-client-certificate', facts);
      return finding('upgrade-bad-request', facts);
    case 401:
      if (isWithheld(examination, address)) return finding('upgrade-token-withheld', facts);
      return finding(target.token === null ? 'upgrade-token-missing' : 'upgrade-token-refused', facts);
    case 403:
      if (!(await worksWithoutOrigin(examination, address))) return finding('upgrade-forbidden', facts);
      return finding(isSameHost(target) ? 'upgrade-host-changed' : 'upgrade-origin', facts);
    default:
      return finding(statusFindings[status] ?? 'upgrade-status', facts);
  }
}

/** Whether the doctor has a token that it may not send to this address. */
export function isWithheld({ target }: Examination, address: HostAddress): boolean {
  return target.token !== null && !target.secure && !isLoopback(address.address);
}

const statusFindings: Readonly<Record<number, FindingCode>> = {
  404: 'upgrade-not-found',
  407: 'upgrade-proxy-login',
  426: 'upgrade-required',
  429: 'upgrade-throttled',
  500: 'upgrade-server-error',
  502: 'upgrade-bad-gateway',
  503: 'upgrade-unavailable',
  504: 'upgrade-gateway-timeout',
};

interface QuireError {
  readonly error: string;
  readonly reason: string;
}

/** The body of a refusal of Quire, which says more than the status. Null for other bodies. */
export function readQuireError(body: string): QuireError | null {
  try {
    const { error, reason } = JSON.parse(body) as Partial<QuireError>;
    return typeof error === 'string' && typeof reason === 'string' ? { error, reason } : null;
  } catch {
    return null;
  }
}

function quireFinding({ error, reason }: QuireError): FindingCode | null {
  switch (error) {
    case 'bad-upgrade':
      if (/HTTP\/1\.1 is required/.test(reason)) return 'upgrade-http-1-0';
      return /served over WebSocket/.test(reason) ? 'upgrade-headers-stripped' : 'upgrade-headers-changed';
    case 'upgrade-version':
      return 'upgrade-headers-changed';
    case 'not-found':
      return 'upgrade-wrong-path';
    case 'bad-document-name':
      return 'upgrade-bad-document';
    case 'overloaded':
      return 'upgrade-overloaded';
    case 'shutting-down':
      return 'upgrade-restarting';
    case 'bad-request':
      return /speaks TLS/.test(reason) ? 'upgrade-needs-tls' : null;
    default:
      return null;
  }
}

async function worksWithoutOrigin(examination: Examination, address: HostAddress): Promise<boolean> {
  if (examination.target.origin === null) return false;
  try {
    const request = { path: ownPath(examination), origin: null, protocols: tokenProtocols(examination) };
    return (await requestUpgrade(examination, address, request)).status !== 403;
  } catch {
    return false;
  }
}

/** Whether the page comes from the host and port that it connects to. Quire allows such pages by default. */
function isSameHost(target: Target): boolean {
  const { origin } = target;
  if (origin === null || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const secure = page.protocol === 'https:';
  return page.host === hostHeader({ ...target, secure });
}

/** The title of a page, or the beginning of its text, on one line. */
function titleOf(body: string): string {
  const title = /<title>([^<]*)<\/title>/i.exec(body)?.[1] ?? body;
  return title.replaceAll(/\s+/g, ' ').trim().slice(0, 120);
}
