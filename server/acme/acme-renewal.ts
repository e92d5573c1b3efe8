import type { Logger } from '../logger.ts';
import { CertificateError, NotYetValidError, checkCertificate } from '../tls/certificate.ts';
import type { Certificate, Credentials } from '../tls/certificate.ts';
import type { AcmeCertificate } from './acme-certificate.ts';
import { AcmeError } from './acme-error.ts';
import type { AcmeStats } from './acme-stats.ts';
import { newKey } from './acme-store.ts';
import type { AcmeStore } from './acme-store.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { certificateId } from './renewal-info.ts';
import type { RenewalInfo } from './renewal-info.ts';
import { maxRetryAfterMs, renewalTimeMs, retryDelayMs } from './renewal-time.ts';

export interface AcmeRenewalDeps {
  readonly names: readonly string[];
  readonly authority: CertificateAuthority;
  readonly store: AcmeStore;
  readonly source: AcmeCertificate;
  readonly stats: AcmeStats;
  readonly logger: Logger;
  /** In milliseconds since 1970. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Calls once after `delayMs`; must not keep the process alive. Returns what cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** There is a new certificate in the store. */
  obtained(): void;
}

/** A time in which nothing is ordered, in milliseconds since 1970. */
interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The clock may be set, and a machine may sleep: so often it is looked whether something is due. */
const lookMs = 3_600_000;
/** What Let's Encrypt asks for; a revocation announced there gives a day at least. */
const infoMs = 6 * 3_600_000;
/** A restart may be meant to try again at once, but one that comes again and again is not. */
const afterRestartMs = 60_000;
/** Whatever clock and authority say: between two certificates at least this much of a life, or a day if that is less. */
const pauseFraction = 1 / 6;
const maxPauseMs = 24 * 3_600_000;

/** Sees to it that there is a certificate that lasts: obtains the first, and renews it in time. */
export class AcmeRenewal {
  readonly #deps: AcmeRenewalDeps;
  #cancel: (() => void) | null = null;
  #closed = false;
  /** Of the certificate that is in use: one moment within the span in which it may be renewed. */
  #random: number;
  #info: RenewalInfo | null = null;
  #infoAskedMs = -Infinity;
  /** Whatever is due: after a failure, or a success a moment ago. */
  #pause: Pause = { sinceMs: 0, untilMs: 0 };

  constructor(deps: AcmeRenewalDeps) {
    this.#deps = deps;
    this.#random = deps.random();
    const last = deps.store.lastAttempt();
    if (last === null) return;
    if (last.atMs > deps.now()) {
      deps.logger.warn(
        { lastAttempt: isoDate(last.atMs) },
        'the last order lies in the future, by a clock that was ahead; its time is ignored',
      );
    }
    const untilMs = Math.min(Math.max(last.atMs + afterRestartMs, last.notBeforeMs), last.atMs + maxRetryAfterMs);
    this.#pause = { sinceMs: last.atMs, untilMs };
  }

  /** To be called when the server listens: the authority is going to connect. */
  start(): void {
    void this.#look();
  }

  /** What is under way comes to nothing. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#deps.authority.close();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      const certificate = this.#current();
      if (certificate !== null) await this.#askInfo(certificate);
      if (this.#closed) return;
      if (this.#deps.now() >= this.#dueMs(certificate)) await this.#renew(certificate);
    } catch (error) {
      // The folder cannot be read, say. Nothing is ordered then: there may be a good certificate in it.
      if (!this.#closed) this.#failed(error);
    }
    if (!this.#closed) this.#plan();
  }

  /** Looks again when something is due. */
  #plan(): void {
    const { after, now, stats } = this.#deps;
    stats.nextAttemptMs = this.#dueMs(this.#currentIfReadable());
    const delayMs = Math.max(0, stats.nextAttemptMs - now());
    this.#cancel = after(Math.min(delayMs, lookMs), () => void this.#look());
  }

  #currentIfReadable(): Certificate | null {
    try {
      return this.#current();
    } catch {
      // The next attempt reports it.
      return null;
    }
  }

  /** What can be served, and is for these names; null if there is no such. Throws an error of the system. */
  #current(): Certificate | null {
    const { source, names, now } = this.#deps;
    try {
      const stored = source.stored(now());
      return stored !== null && sameNames(stored.names, names) ? stored : null;
    } catch (error) {
      if (error instanceof CertificateError) return null;
      throw error;
    }
  }

  #dueMs(certificate: Certificate | null): number {
    const dueMs = certificate === null ? 0 : renewalTimeMs(certificate, this.#info, this.#random);
    return Math.max(dueMs, this.#pausedUntilMs());
  }

  /** 0 after the clock was set back: a pause that begins in the future was computed by a clock that was ahead. */
  #pausedUntilMs(): number {
    const { sinceMs, untilMs } = this.#pause;
    return sinceMs > this.#deps.now() ? 0 : untilMs;
  }

  /** The authority's opinion on when; without one the usual time holds. */
  async #askInfo(certificate: Certificate): Promise<void> {
    const { authority, logger, now } = this.#deps;
    const id = certificateId(certificate.chain[0]!);
    const askedAgoMs = now() - this.#infoAskedMs;
    if (id === null || (askedAgoMs >= 0 && askedAgoMs < infoMs)) return;
    this.#infoAskedMs = now();
    try {
      this.#info = await authority.renewalInfo(id);
    } catch (error) {
      if (!(error instanceof AcmeError)) throw error;
      if (!this.#closed) logger.info({ reason: error.message }, 'renewal time not known; the usual one holds');
    }
  }

  async #renew(before: Certificate | null): Promise<void> {
    const { names, authority, store, stats, logger, now, random, obtained } = this.#deps;
    const explanation = this.#info?.explanation ?? undefined;
    logger.info({ names, explanation }, 'certificate ordered');
    try {
      store.keepAttempt({ atMs: now(), notBeforeMs: 0 });
      const key = newKey();
      const replaces = before === null ? null : certificateId(before.chain[0]!);
      const certificate = this.#checked({ cert: await authority.obtain({ names, key, replaces }), key });
      store.keep(certificate);
      this.#info = null;
      this.#infoAskedMs = -Infinity;
      this.#random = random();
      const lifetimeMs = certificate.notAfterMs - certificate.notBeforeMs;
      this.#pauseFor(Math.min(maxPauseMs, lifetimeMs * pauseFraction));
      stats.issued++;
      stats.failuresInARow = 0;
      logger.info({ names, notAfter: isoDate(certificate.notAfterMs) }, 'certificate obtained');
      obtained();
    } catch (error) {
      if (!this.#closed) this.#failed(error);
    }
  }

  /** Nothing is kept that could not be served. Throws AcmeError. */
  #checked(credentials: { cert: string; key: string }): Certificate {
    const { names } = this.#deps;
    const path = 'from the authority';
    try {
      const certificate = this.#checkedDates(credentials, { certPath: path, keyPath: path });
      if (sameNames(certificate.names, names)) return certificate;
      throw new CertificateError(`The certificate ${path} is for ${certificate.names.join(', ')}.`);
    } catch (cause) {
      if (!(cause instanceof CertificateError)) throw cause;
      throw new AcmeError('unusable', cause.message, null, { cause });
    }
  }

  /**
   * A certificate that is new is valid: if it is not yet by the local clock, that one is behind. Another order would give
   * the same, and use up what the authority allows.
   */
  #checkedDates(credentials: Credentials, paths: { certPath: string; keyPath: string }): Certificate {
    const { now, logger } = this.#deps;
    try {
      return checkCertificate(credentials, paths, now(), null);
    } catch (error) {
      if (!(error instanceof NotYetValidError)) throw error;
      const behindSeconds = Math.round((error.fromMs - now()) / 1_000);
      logger.warn({ behindSeconds }, 'the clock of this machine is behind that of the authority');
      return checkCertificate(credentials, paths, error.fromMs, null);
    }
  }

  #pauseFor(delayMs: number): void {
    const nowMs = this.#deps.now();
    this.#pause = { sinceMs: nowMs, untilMs: nowMs + delayMs };
  }

  #failed(error: unknown): void {
    const { names, store, stats, logger, now, random } = this.#deps;
    const problem = error instanceof AcmeError ? error : null;
    stats.failed++;
    stats.failuresInARow++;
    const retryAfterMs = problem?.retryAfterMs ?? null;
    this.#pauseFor(retryDelayMs(stats.failuresInARow, retryAfterMs, random()));
    const fields = { names, nextAttempt: isoDate(this.#pause.untilMs) };
    if (problem === null) {
      // A full disk, say.
      logger.error({ ...fields, err: error }, 'certificate not obtained');
      return;
    }
    const { code, message, advice } = problem;
    logger.error({ ...fields, error: code, reason: message, advice }, 'certificate not obtained');
    if (retryAfterMs === null) return;
    try {
      store.keepAttempt({ atMs: now(), notBeforeMs: now() + retryAfterMs });
    } catch (err) {
      logger.error({ err }, 'time of the next attempt not stored; after a restart it may come earlier');
    }
  }
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && others.every((name) => some.includes(name));
}

function isoDate(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
