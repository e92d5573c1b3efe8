import { SilenceError } from './deadline.ts';
import { dialTls, printable } from './dial.ts';
import { measured } from './examination.ts';
import type { Examination, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';
import { requestUpgrade } from './upgrade-request.ts';
import type { UpgradeAnswer } from './upgrade-request.ts';

/** Asks for a WebSocket, and reads what comes instead. */
export const upgradeStage: Stage = async (examination) => {
  const { target, deps } = examination;
  const startMs = deps.monotonicMs();
  let answer: UpgradeAnswer;
  try {
    answer = await requestUpgrade(examination, target.origin);
  } catch (error) {
    return [await requestFailed(examination, error)];
  }
  if (answer.status === 101) {
    measured(examination, 'upgrade', `${Math.round(deps.monotonicMs() - startMs)} ms`);
    return accepted(answer);
  }
  return [await refused(examination, answer)];
};

function accepted({ headers, accepted: isOurs }: UpgradeAnswer): readonly Finding[] {
  const protocol = headers['sec-websocket-protocol'];
  const extension = headers['sec-websocket-extensions'];
  const upgrade = headers.upgrade?.toLowerCase();
  if (upgrade !== 'websocket' || !/\bupgrade\b/i.test(headers.connection ?? '')) return [finding('upgrade-incomplete')];
  if (!isOurs) return [finding('upgrade-bad-accept')];
  if (protocol !== undefined) return [finding('upgrade-protocol', { protocol })];
  if (extension !== undefined) return [finding('upgrade-extension', { extension })];
  return [];
}

/** No answer that could be read. */
async function requestFailed(examination: Examination, error: unknown): Promise<Finding> {
  const { target, deps } = examination;
  if (error instanceof SilenceError) return finding('upgrade-silent', { seconds: deps.stepTimeoutMs / 1000 });
  const { code = '', rawPacket } = error as NodeJS.ErrnoException & { rawPacket?: Buffer };
  // With TLS 1.3 this comes after the handshake.
  if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE/.test(code)) return finding('tls-client-certificate');
  if (!target.secure && (isTlsAlert(rawPacket) || (await speaksTls(examination)))) {
    return finding('upgrade-needs-tls', { port: target.port });
  }
  if (!code.startsWith('HPE_')) return finding('upgrade-cut');
  if (isHttp2(rawPacket)) return finding('upgrade-http2');
  return finding('upgrade-not-http', { beginning: printable(rawPacket ?? Buffer.alloc(0)) });
}

/** RFC 8446, 5.1: content type alert (21), version 3.x. */
function isTlsAlert(bytes: Buffer | undefined): boolean {
  return bytes?.[0] === 0x15 && bytes[1] === 0x03;
}

/** RFC 9113: the server begins with a SETTINGS frame (type 4) on stream 0. */
function isHttp2(bytes: Buffer | undefined): boolean {
  return bytes?.[3] === 0x04 && bytes.readUInt32BE(5) === 0;
}

async function speaksTls({ target, deps, address }: Examination): Promise<boolean> {
  try {
    (await dialTls({ ...target, secure: true }, address!.address, deps.stepTimeoutMs / 3)).destroy();
    return true;
  } catch {
    return false;
  }
}

async function refused(examination: Examination, answer: UpgradeAnswer): Promise<Finding> {
  const { target } = examination;
  const { status, headers, body } = answer;
  const quire = readQuireError(body);
  const reason = quire?.reason ?? titleOf(body);
  const facts = {
    status,
    reason: reason || 'no reason is given',
    path: target.path.replace(/\?.*$/, ''),
    location: headers.location ?? 'nowhere',
    server: String(headers.server ?? 'it does not say what it is'),
    origin: target.origin ?? '',
    port: target.port,
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
      return finding(target.token === null ? 'upgrade-token-missing' : 'upgrade-token-refused', facts);
    case 403:
      return finding((await worksWithoutOrigin(examination)) ? 'upgrade-origin' : 'upgrade-forbidden', facts);
    default:
      return finding(statusFindings[status] ?? 'upgrade-status', facts);
  }
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

/** What Quire itself says, which is more than the status. */
function readQuireError(body: string): QuireError | null {
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
      return /served over WebSocket/.test(reason) ? 'upgrade-headers-stripped' : 'upgrade-headers-changed';
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

async function worksWithoutOrigin(examination: Examination): Promise<boolean> {
  if (examination.target.origin === null) return false;
  try {
    return (await requestUpgrade(examination, null)).status !== 403;
  } catch {
    return false;
  }
}

/** What a page is about, for a report of one line. */
function titleOf(body: string): string {
  const title = /<title>([^<]*)<\/title>/i.exec(body)?.[1] ?? body;
  return title.replaceAll(/\s+/g, ' ').trim().slice(0, 120);
}
