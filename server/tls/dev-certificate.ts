import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { readTextFile } from '../files/read-file.ts';
import { CertificateError } from './certificate.ts';
import type { Credentials } from './certificate.ts';
import { isAuthorityWith, issueAuthority, issueLeaf } from './issue-certificate.ts';
import type { DistinguishedName, Issued, NameConstraints } from './issue-certificate.ts';
import { replaceFile } from '../files/replace-file.ts';

const maxFileBytes = 1024 * 1024;
const dayMs = 24 * 3_600_000;
/** Ten years, because users add the authority to their browsers by hand. */
const authorityLifetimeMs = 3_650 * dayMs;
/** Apple accepts at most 825 days. A server that is never restarted should not outlive its certificate either. */
const leafLifetimeMs = 365 * dayMs;
/** The clocks of other devices may be slow. */
const backdatedMs = 3_600_000;
/**
 * Before the first version of Quire. A fixed date, so that an authority is valid at once if it was made while the clock
 * was ahead.
 */
const authorityFromMs = Date.UTC(2024, 0, 1);

export const developmentAuthorityName = 'Quire development CA';
const leafName = 'Quire development server';

export interface DevCertificateDeps {
  /** The folder in which it is stored; null to keep it in memory. */
  readonly folder: string | null;
  /** The name of this machine. */
  readonly hostName: string;
  /** In milliseconds since 1970. */
  now(): number;
}

export interface DevCertificate {
  readonly credentials: Credentials;
  /** The certificate of the authority, PEM. A client that trusts it trusts every leaf. */
  readonly authority: string;
  /** The authority is new: clients that trust an older one do not trust this one. */
  readonly authorityIsNew: boolean;
  /**
   * The SHA-256 of an older authority that was replaced because it could sign for more than this machine; else null.
   */
  readonly replaced: string | null;
  readonly names: readonly string[];
  /**
   * The name of this machine if the authority may not sign for it, because it was made under another name; else null.
   */
  readonly uncovered: string | null;
}

/** A certificate, also parsed, and its key. */
interface Pair extends Issued {
  readonly parsed: X509Certificate;
}

/**
 * A certificate for this machine, signed by an authority that can sign for this machine only. Both are stored and used
 * again. The leaf is renewed when less than a third of its life is left or the names have changed. Throws
 * CertificateError if the folder cannot be written.
 */
export function openDevCertificate(deps: DevCertificateDeps): DevCertificate {
  const { folder, hostName } = deps;
  const nowMs = deps.now();
  const host = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(hostName) ? hostName.toLowerCase() : 'localhost';

  const stored = readPair(folder, 'ca');
  const isLimited = stored !== null && isAuthorityWith(stored.parsed, constraintsFor(unitOf(stored.parsed)));
  const usable = isLimited && Date.parse(stored.parsed.validTo) - nowMs > leafLifetimeMs;
  const authority = usable ? stored : makeAuthority(host, nowMs);
  const subject = { commonName: developmentAuthorityName, unit: unitOf(authority.parsed) };
  const permitted = host === subject.unit || host === 'localhost';
  const names = [...new Set(['localhost', ...(permitted ? [host] : []), '127.0.0.1', '::1'])];

  let leaf = readPair(folder, 'server');
  if (leaf === null || !leafServes(leaf.parsed, authority.parsed, names, nowMs)) {
    leaf = makeLeaf(subject, authority, names, nowMs);
    if (folder !== null) store(folder, usable ? null : authority, leaf);
  }
  return {
    credentials: { cert: leaf.cert, key: leaf.key },
    authority: authority.cert,
    authorityIsNew: !usable,
    replaced: stored === null || isLimited ? null : stored.parsed.fingerprint256,
    names,
    uncovered: permitted ? null : host,
  };
}

/** Exactly the names and addresses that the leaf is for. */
function constraintsFor(host: string): NameConstraints {
  return {
    dnsNames: [...new Set(['localhost', host])],
    networks: [
      { address: '127.0.0.1', mask: '255.255.255.255' },
      { address: '::1', mask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
    ],
  };
}

function makeAuthority(host: string, nowMs: number): Pair {
  const subject = { commonName: developmentAuthorityName, unit: host };
  const validity = { fromMs: Math.min(authorityFromMs, nowMs), toMs: nowMs + authorityLifetimeMs };
  return parse(issueAuthority(subject, constraintsFor(host), validity));
}

function makeLeaf(subject: DistinguishedName, authority: Pair, names: readonly string[], nowMs: number): Pair {
  const leafSubject = { commonName: leafName, unit: subject.unit };
  const validity = { fromMs: nowMs - backdatedMs, toMs: nowMs + leafLifetimeMs };
  return parse(issueLeaf({ subject, key: authority.key }, leafSubject, names, validity));
}

function leafServes(
  leaf: X509Certificate,
  authority: X509Certificate,
  names: readonly string[],
  nowMs: number,
): boolean {
  const toMs = Date.parse(leaf.validTo);
  const lifetimeMs = toMs - Date.parse(leaf.validFrom);
  // A start in the future means that the clock was ahead.
  if (toMs - nowMs < lifetimeMs / 3 || Date.parse(leaf.validFrom) > nowMs) return false;
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) return false;
  const covered = names.every((name) => (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined);
  return covered && leaf.subjectAltName?.split(', ').length === names.length;
}

/** The machine for which an authority was made: the name that it may sign for, which browsers show to the user. */
function unitOf(authority: X509Certificate): string {
  return /^OU=(.*)$/m.exec(authority.subject)?.[1] ?? '';
}

function parse(issued: Issued): Pair {
  return { ...issued, parsed: new X509Certificate(issued.cert) };
}

/** Reads a certificate and its key. Null if they are missing, cannot be read or do not belong together. */
function readPair(folder: string | null, name: string): Pair | null {
  if (folder === null) return null;
  try {
    const pair = parse({
      cert: readTextFile(join(folder, `${name}.pem`), maxFileBytes),
      key: readTextFile(join(folder, `${name}-key.pem`), maxFileBytes),
    });
    return pair.parsed.checkPrivateKey(createPrivateKey(pair.key)) ? pair : null;
  } catch {
    return null;
  }
}

function store(folder: string, authority: Pair | null, leaf: Pair): void {
  try {
    mkdirSync(folder, { recursive: true });
    if (authority !== null) writePair(folder, 'ca', authority);
    writePair(folder, 'server', leaf);
  } catch (error) {
    throw new CertificateError(
      `The development certificate cannot be stored in ${folder}: ${(error as Error).message}.`,
      { cause: error },
    );
  }
}

function writePair(folder: string, name: string, pair: Pair): void {
  replaceFile(join(folder, `${name}-key.pem`), pair.key, 0o600);
  replaceFile(join(folder, `${name}.pem`), pair.cert, 0o644);
}
