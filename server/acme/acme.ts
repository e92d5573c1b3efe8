import type { Logger } from '../logger.ts';
import { ChallengeAnswers } from '../tls/challenge-answers.ts';
import { AcmeAuthority } from './acme-authority.ts';
import type { AcmeAccount } from './acme-authority.ts';
import { AcmeCertificate } from './acme-certificate.ts';
import { AcmeRenewal, AcmeStats } from './acme-renewal.ts';
import { AcmeStore } from './acme-store.ts';

export interface AcmeOptions extends AcmeAccount {
  readonly names: readonly string[];
  /** The folder for accounts and certificates. */
  readonly folder: string;
}

export interface AcmeDeps {
  readonly logger: Logger;
  /** In milliseconds since 1970. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Calls the callback once after `delayMs`; must not keep the process alive. Returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Rejects when the signal is aborted. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** Obtains the server's own certificate by ACME. */
export class Acme {
  readonly stats = new AcmeStats();
  readonly answers: ChallengeAnswers;
  readonly source: AcmeCertificate;
  readonly #renewal: AcmeRenewal;
  #obtained: () => void = () => {};

  /** Sends no request yet. Rejects with CertificateError if the account key cannot be read or stored. */
  static async open(options: AcmeOptions, deps: AcmeDeps): Promise<Acme> {
    const store = new AcmeStore(options.folder, options.directoryUrl);
    const { accountKey } = store.open(deps.logger);
    const answers = new ChallengeAnswers();
    const authority = await AcmeAuthority.open(options, { ...deps, answers, accountKey });
    return new Acme(options, deps, store, authority, answers);
  }

  private constructor(
    { names }: AcmeOptions,
    deps: AcmeDeps,
    store: AcmeStore,
    authority: AcmeAuthority,
    answers: ChallengeAnswers,
  ) {
    this.answers = answers;
    this.source = new AcmeCertificate(store, names, deps.logger);
    const { source, stats } = this;
    const obtained = (): void => this.#obtained();
    this.#renewal = new AcmeRenewal({ ...deps, names, authority, store, source, stats, obtained });
  }

  /** Call it when the server listens. Calls `obtained` when `source` has a new certificate. */
  start(obtained: () => void): void {
    this.#obtained = obtained;
    this.#renewal.start();
  }

  /** Aborts an order in progress. */
  stop(): void {
    this.#renewal.stop();
  }
}
