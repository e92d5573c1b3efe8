import type { X509Certificate } from 'node:crypto';
import { excerpt } from '../limits/peer-text.ts';

/** When the authority wants a certificate renewed (RFC 9773). Earlier than usual if it is going to revoke it. */
export interface RenewalInfo {
  readonly startMs: number;
  readonly endMs: number;
  /** The URL of an explanation for people; null if there is none. */
  readonly explanation: string | null;
}

/** The encoded id of the extension authorityKeyIdentifier, 2.5.29.35. */
const authorityKeyId = Buffer.from('0603551d23', 'hex');

/** The authority's id of a certificate; null if the certificate does not name its issuer's key. */
export function certificateId(certificate: X509Certificate): string | null {
  const { raw, serialNumber } = certificate;
  const at = raw.indexOf(authorityKeyId);
  if (at === -1) return null;
  // OCTET STRING { SEQUENCE { [0] key id ... } }, all shorter than 128 bytes if there is only a key id.
  const value = raw.subarray(at + authorityKeyId.length);
  const [octets, , list, , tag, length = 0] = value;
  if (octets !== 0x04 || list !== 0x30 || tag !== 0x80) return null;
  const serial = Buffer.from(serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`, 'hex');
  // The highest bit is the sign bit.
  const signed = serial[0]! >= 0x80 ? Buffer.concat([Uint8Array.of(0), serial]) : serial;
  return `${value.subarray(6, 6 + length).toString('base64url')}.${signed.toString('base64url')}`;
}

/** Null for an invalid answer; the certificate is then renewed at the default time. */
export function parseRenewalInfo(body: string): RenewalInfo | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return null;
  }
  const { suggestedWindow, explanationURL } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const { start, end } = (suggestedWindow ?? {}) as Readonly<Record<string, unknown>>;
  const [startMs, endMs] = [Date.parse(String(start)), Date.parse(String(end))];
  if (!(startMs <= endMs)) return null;
  return { startMs, endMs, explanation: typeof explanationURL === 'string' ? excerpt(explanationURL) : null };
}
