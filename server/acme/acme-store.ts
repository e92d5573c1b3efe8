import { createPrivateKey } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { CertificateError } from '../tls/certificate.ts';
import type { Credentials } from '../tls/certificate.ts';
import { generateKey } from '../tls/issue-certificate.ts';
import { replaceFile } from '../files/replace-file.ts';
import { readTextFile } from '../files/read-file.ts';

/** State kept across restarts, so that repeated restarts do not use up the authority's rate limit. */
export interface Attempt {
  /** In milliseconds since 1970. */
  readonly atMs: number;
  /** The earliest time at which the authority accepts another attempt; 0 if it did not say. */
  readonly notBeforeMs: number;
}

const ownerOnly = 0o600;
const othersMask = 0o077;
const minRsaBits = 2_048;
const accountCurves = ['prime256v1', 'secp384r1'];
/** A certificate chain takes 10 KB; keys and attempts take less. */
const maxFileBytes = 1024 * 1024;

/** Stores the account and the certificate of one authority in a folder that only this user can read. */
export class AcmeStore {
  /** The key and the chain are in one file, so that they are always replaced together. */
  readonly certificatePath: string;
  readonly #folder: string;

  /** Each authority has a folder, so that a staging certificate is never served in place of a real one. */
  constructor(parent: string, directoryUrl: URL) {
    const { host, pathname } = directoryUrl;
    this.#folder = join(parent, `${host}${pathname}`.replace(/[^a-z0-9.-]+/gi, '_').replace(/_$/, ''));
    this.certificatePath = join(this.#folder, 'certificate.pem');
  }

  /**
   * Checks the stored files, and returns the account key. Throws CertificateError if a file cannot be read or written.
   */
  open(logger: Logger): { readonly accountKey: string } {
    try {
      for (const path of [this.#accountKeyPath, this.certificatePath]) restrict(path, logger);
      // Checks only that it can be read. A damaged certificate is ordered again.
      read(this.certificatePath);
      const accountKey = this.accountKey((path, damagedPath) =>
        logger.warn({ path, damagedPath }, 'acme account key is damaged; a new account is registered'),
      );
      return { accountKey };
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new CertificateError(`The ACME files in ${this.#folder} cannot be used: ${reason}.`, { cause });
    }
  }

  /**
   * The account key, PEM. Makes a new key if there is none or it is damaged; a damaged file is renamed, and `damaged`
   * is called with both names. Throws an error of the system if the key cannot be read or written.
   */
  accountKey(damaged: (path: string, damagedPath: string) => void = () => {}): string {
    const path = this.#accountKeyPath;
    const stored = read(path);
    if (stored !== null && isAccountKey(stored)) return stored;
    if (stored !== null) {
      const damagedPath = `${path}.damaged`;
      renameSync(path, damagedPath);
      damaged(path, damagedPath);
    }
    const key = newKey();
    this.#write(path, key);
    return key;
  }

  /** Null if no certificate is stored. Does not check whether it can be served. */
  certificate(): Credentials | null {
    const text = read(this.certificatePath);
    if (text === null) return null;
    const start = text.indexOf('-----BEGIN CERTIFICATE-----');
    return start === -1 ? { key: text, cert: '' } : { key: text.slice(0, start), cert: text.slice(start) };
  }

  keep({ cert, key }: Credentials): void {
    this.#write(this.certificatePath, `${key.trimEnd()}\n${cert}`);
  }

  lastAttempt(): Attempt | null {
    try {
      const { atMs, notBeforeMs } = JSON.parse(read(this.#attemptPath) ?? '') as Readonly<Record<string, unknown>>;
      return isTime(atMs) && isTime(notBeforeMs) ? { atMs, notBeforeMs } : null;
    } catch {
      // Missing or not readable. At worst the authority is asked once too often.
      return null;
    }
  }

  keepAttempt(attempt: Attempt): void {
    this.#write(this.#attemptPath, JSON.stringify(attempt));
  }

  get #accountKeyPath(): string {
    return join(this.#folder, 'account-key.pem');
  }

  get #attemptPath(): string {
    return join(this.#folder, 'last-attempt.json');
  }

  #write(path: string, content: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    replaceFile(path, content, ownerOnly);
  }
}

/** Makes a private key, PKCS #8, PEM. */
export function newKey(): string {
  return generateKey().export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Removes other users' access to a private key, which they may have after a backup was restored. */
function restrict(path: string, logger: Logger): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || (stat.mode & othersMask) === 0) return;
  chmodSync(path, ownerOnly);
  const mode = (stat.mode & 0o777).toString(8);
  logger.warn({ path, mode }, 'private key was readable by other users; its permissions were corrected');
}

/** Whether authorities accept the key for an account: ECDSA with a NIST curve, or RSA. */
function isAccountKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= minRsaBits;
    return asymmetricKeyType === 'ec' && accountCurves.includes(asymmetricKeyDetails?.namedCurve ?? '');
  } catch {
    return false;
  }
}

/** A time in milliseconds since 1970, within the range of a Date. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 8.64e15;
}

function read(path: string): string | null {
  try {
    return readTextFile(path, maxFileBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
