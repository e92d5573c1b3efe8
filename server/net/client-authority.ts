import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../logger.ts';
import { CertificateError } from './certificate.ts';
import { ChainError, parseChain } from './certificate-chain.ts';

/**
 * The authorities whose certificates say who a client is: a PEM file, read again when it has changed. What cannot be read
 * leaves the last ones in force.
 */
export class ClientAuthority {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<(pem: string) => void>();
  #version: string;
  #pem: string;

  /** Throws CertificateError. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#version = versionOf(path);
    this.#pem = read(path);
  }

  get pem(): string {
    return this.#pem;
  }

  /** Calls with the new authorities, PEM. */
  onChange(listener: (pem: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks whether the file has changed; a few microseconds if not. To be called about once a second. */
  reload(): void {
    const version = versionOf(this.#path);
    if (version === this.#version) return;
    this.#version = version;
    try {
      const pem = read(this.#path);
      for (const listener of this.#listeners) listener(pem);
      this.#pem = pem;
      this.#logger.info({ path: this.#path }, 'client authorities reloaded');
    } catch (err) {
      this.#logger.error({ err }, 'client authorities cannot be read; the last ones stay in force');
    }
  }
}

/** Follows symlinks, by which mounted files are replaced. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
}

function read(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    const chain = parseChain(pem);
    if (chain.some(({ ca }) => !ca)) throw new ChainError('holds a certificate that is no authority');
    if (chain.length > 0) return pem;
  } catch (cause) {
    const what = cause instanceof ChainError ? cause.message : `cannot be read: ${(cause as Error).message}`;
    throw new CertificateError(`The file of client authorities ${path} ${what}.`, { cause });
  }
  throw new CertificateError(`The file of client authorities ${path} holds no certificate in PEM format.`);
}
