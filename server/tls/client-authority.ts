import type { Logger } from '../logger.ts';
import { PolledFile } from '../files/polled-file.ts';
import { CertificateError } from './certificate.ts';
import { ChainError, parseChain } from './certificate-chain.ts';

/** Some 500 certificates. Parsing as many blocks the event loop for 25 ms. */
const MAX_BYTES = 1024 * 1024;

/**
 * The authorities whose certificates say who a client is: a PEM file. It is read again when it changes. If it cannot be
 * read, the last authorities stay in force.
 */
export class ClientAuthority {
  readonly #file: PolledFile<string>;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<(pem: string) => void>();

  /** Reads the file. Throws CertificateError. */
  static open(path: string, logger: Logger): ClientAuthority {
    try {
      return new ClientAuthority(PolledFile.open({ path, maxBytes: MAX_BYTES, parse }), path, logger);
    } catch (cause) {
      const what = cause instanceof ChainError ? cause.message : `cannot be read: ${(cause as Error).message}`;
      throw new CertificateError(`The file of client authorities ${path} ${what}.`, { cause });
    }
  }

  private constructor(file: PolledFile<string>, path: string, logger: Logger) {
    this.#file = file;
    this.#path = path;
    this.#logger = logger;
  }

  get pem(): string {
    return this.#file.value;
  }

  /** How often the file became unusable. Only grows. */
  get failures(): number {
    return this.#file.failures;
  }

  /** Calls with the new authorities, PEM. If a listener throws, all are called again with the old ones. */
  onChange(listener: (pem: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks whether the file has changed; some ten microseconds if not. Never throws. To be called about once a second. */
  reload(): void {
    const path = this.#path;
    const poll = this.#file.poll((pem) => this.#publish(pem));
    switch (poll.kind) {
      case 'changed':
        this.#logger.info({ path }, 'client authorities reloaded');
        break;
      case 'recovered':
        this.#logger.info({ path }, 'client authorities can be read again; they are the ones in force');
        break;
      case 'failed':
        this.#logger.error({ path, err: poll.error }, 'client authorities cannot be read; the last ones stay in force');
        break;
      case 'unchanged':
        break;
    }
  }

  #publish(pem: string): void {
    try {
      for (const listener of this.#listeners) listener(pem);
    } catch (error) {
      for (const listener of this.#listeners) listener(this.pem);
      throw error;
    }
  }
}

function parse(pem: string): string {
  const chain = parseChain(pem);
  if (chain.some(({ ca }) => !ca)) throw new ChainError('holds a certificate that is no authority');
  if (chain.length === 0) throw new ChainError('holds no certificate in PEM format');
  return pem;
}
