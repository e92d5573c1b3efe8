import { createPrivateKey } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { CertificateError } from '../tls/certificate.ts';
import type { Credentials } from '../tls/certificate.ts';
import { generateKey } from '../tls/issue-certificate.ts';
import { replaceFile } from '../files/replace-file.ts';
import { readTextFile } from '../files/read-file.ts';

/** What must be remembered over a restart, so that one that comes again and again does not use up the authority's patience. */
export interface Attempt {
  /** In milliseconds since 1970. */
  readonly atMs: number;
  /** When the authority wants to hear of us again at the earliest; 0 if it did not say. */
  readonly notBeforeMs: number;
}

const ownerOnly = 0o600;
const othersMask = 0o077;
const minRsaBits = 2_048;
const accountCurves = ['prime256v1', 'secp384r1'];
/** A chain takes 10 KB; keys and attempts take less. */
const maxFileBytes = 1024 * 1024;

/** The account and the certificate of one authority: a folder that only this user can read. */
export class AcmeStore {
  /** Key, then chain, in one file: they can only be replaced together. */
  readonly certificatePath: string;
  readonly #folder: string;

  /** A folder for each authority: what a staging one gave must never be served for the real one. */
  constructor(parent: string, directoryUrl: URL) {
    const { host, pathname } = directoryUrl;
    this.#folder = join(parent, `${host}${pathname}`.replace(/[^a-z0-9.-]+/gi, '_').replace(/_$/, ''));
    this.certificatePath = join(this.#folder, 'certificate.pem');
  }

  /**
   * Checks what is stored, and returns the account key. Throws CertificateError if a file cannot be read or written.
   */
  open(logger: Logger): { readonly accountKey: string } {
    try {
      for (const path of [this.#accountKeyPath, this.certificatePath]) restrict(path, logger);
      // Only whether it can be read: a damaged certificate is ordered again.
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
   * PEM. A new key if there is none or it is damaged; then the damaged one is renamed, and `damaged` called with both names.
   * Throws an error of the system if it cannot be read or written.
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

  /** Null if there is none yet. Whether it can be served is for others to say. */
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
      // None, or not readable: at worst the authority is asked once too often.
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

/** A new private key, PKCS #8, PEM. */
export function newKey(): string {
  return generateKey().export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Takes a private key from other users, who may read it after a backup was restored, for example. */
function restrict(path: string, logger: Logger): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || (stat.mode & othersMask) === 0) return;
  chmodSync(path, ownerOnly);
  const mode = (stat.mode & 0o777).toString(8);
  logger.warn({ path, mode }, 'other users could read this private key; its permissions are corrected');
}

/** What authorities accept an account for: ECDSA with a curve of NIST, or RSA. */
function isAccountKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= minRsaBits;
    return asymmetricKeyType === 'ec' && accountCurves.includes(asymmetricKeyDetails?.namedCurve ?? '');
  } catch {
    return false;
  }
}

/** In milliseconds since 1970, and within what a Date can hold. */
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
