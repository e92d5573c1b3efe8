import type { Logger } from '../logger.ts';
import { PolledFile } from '../files/polled-file.ts';
import { CertificateError } from './certificate.ts';
import { ChainError, parseChain } from './certificate-chain.ts';

/** About 500 certificates. Parsing them blocks the event loop for 25 ms. */
const maxFileBytes = 1024 * 1024;

/**
 * The authorities of client certificates, from a PEM file. The file is read again when it changes. If it cannot be
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
      return new ClientAuthority(PolledFile.open({ path, maxBytes: maxFileBytes, parse }), path, logger);
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

  /** Calls `listener` with new authorities, in PEM. If a listener throws, all are called again with the old ones. */
  onChange(listener: (pem: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the file if it has changed; otherwise takes about 10 us. Never throws. Call it about once a second. */
  reload(): void {
    const path = this.#path;
    const poll = this.#file.poll((pem) => this.#publish(pem));
    switch (poll.kind) {
      case 'changed':
        this.#logger.info({ path }, 'client authorities reloaded');
        break;
      case 'recovered':
        this.#logger.info({ path }, 'client authorities can be read again; they are in force');
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
  if (chain.some(({ ca }) => !ca)) throw new ChainError('holds a certificate that is not an authority');
  if (chain.length === 0) throw new ChainError('holds no certificate in PEM format');
  return pem;
}
