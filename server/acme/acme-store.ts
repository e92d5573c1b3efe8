import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Credentials } from '../net/certificate.ts';
import { generateKey } from '../net/issue-certificate.ts';
import { replaceFile } from '../net/replace-file.ts';
import { readTextFile } from '../read-file.ts';

/** What must be remembered over a restart, so that one that comes again and again does not use up the authority's patience. */
export interface Attempt {
  /** In milliseconds since 1970. */
  readonly atMs: number;
  /** When the authority wants to hear of us again at the earliest; 0 if it did not say. */
  readonly notBeforeMs: number;
}

const ownerOnly = 0o600;
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

  /** PEM. Made at the first time; throws an error of the system if it cannot be read or kept. */
  accountKey(): string {
    const path = join(this.#folder, 'account-key.pem');
    const stored = read(path);
    if (stored !== null) return stored;
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
      return typeof atMs === 'number' && typeof notBeforeMs === 'number' ? { atMs, notBeforeMs } : null;
    } catch {
      // None, or not readable: at worst the authority is asked once too often.
      return null;
    }
  }

  keepAttempt(attempt: Attempt): void {
    this.#write(this.#attemptPath, JSON.stringify(attempt));
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

function read(path: string): string | null {
  try {
    return readTextFile(path, maxFileBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
