import type { Logger } from '../logger.ts';
import { CertificateError, NotYetValidError, checkCertificate } from '../tls/certificate.ts';
import type { Certificate, Credentials } from '../tls/certificate.ts';
import type { AcmeCertificate } from './acme-certificate.ts';
import { AcmeError } from './acme-error.ts';
import { newKey } from './acme-store.ts';
import type { AcmeStore } from './acme-store.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { certificateId } from './renewal-info.ts';
import type { RenewalInfo } from './renewal-info.ts';
import { maxRetryAfterMs, renewalTimeMs, retryDelayMs } from './renewal-time.ts';

/** The counters of renewals. `metrics/certificates.ts` reads them when metrics are requested. */
export class AcmeStats {
  issued = 0;
  failed = 0;
  /** Failures since the last success. */
  failuresInARow = 0;
  /** When the authority is asked next, in milliseconds since 1970. */
  nextAttemptMs = 0;
}

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
  /** Calls `callback` once after `delayMs`; must not keep the process alive. Returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Called when a new certificate is in the store. */
  obtained(): void;
}

/** A period in which nothing is ordered, in milliseconds since 1970. */
interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Time between checks for a due order. Needed because the clock may be set, and a machine may sleep. */
const lookMs = 3_600_000;
/** The interval that Let's Encrypt asks for. It announces a revocation at least a day ahead. */
const infoMs = 6 * 3_600_000;
/**
 * Minimum time between the last order before a restart and the next one, so that repeated restarts do not order at
 * once.
 */
const afterRestartMs = 60_000;
/**
 * Minimum time between two certificates, as a part of their lifetime and at most a day, no matter what the clock and
 * the authority say.
 */
const pauseFraction = 1 / 6;
const maxPauseMs = 24 * 3_600_000;

/** Keeps a valid certificate in the store: obtains the first one, and renews it in time. */
export class AcmeRenewal {
  readonly #deps: AcmeRenewalDeps;
  #cancel: (() => void) | null = null;
  #stopped = false;
  /** Chooses the moment of renewal of the current certificate, within the period in which it may be renewed. */
  #random: number;
  #info: RenewalInfo | null = null;
  #infoAskedMs = -Infinity;
  /** After a failure or a recent success; no order begins before its end. */
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

  /** Call it when the server listens, because the authority connects to it. */
  start(): void {
    void this.#look();
  }

  /** Aborts an order in progress. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#deps.authority.stop();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      const certificate = this.#current();
      if (certificate !== null) await this.#askInfo(certificate);
      if (this.#stopped) return;
      if (this.#deps.now() >= this.#dueMs(certificate)) await this.#renew(certificate);
    } catch (error) {
      // For example, the folder cannot be read. Order nothing, because it may hold a valid certificate.
      if (!this.#stopped) this.#failed(error);
    }
    if (!this.#stopped) this.#plan();
  }

  /** Schedules the next check. */
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

  /** The stored certificate if it can be served and is for these names, else null. Throws an error of the system. */
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

  /** The end of the pause. 0 if the pause begins in the future: it was computed while the clock was ahead. */
  #pausedUntilMs(): number {
    const { sinceMs, untilMs } = this.#pause;
    return sinceMs > this.#deps.now() ? 0 : untilMs;
  }

  /** Asks the authority when to renew. Without an answer the default time applies. */
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
      if (!this.#stopped) logger.info({ reason: error.message }, 'renewal time not known; the default applies');
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
      if (!this.#stopped) this.#failed(error);
    }
  }

  /** Rejects a certificate that could not be served. Throws AcmeError. */
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
   * A new certificate is valid. If it is not yet valid by the local clock, the clock is behind. Another order would
   * have the same result and count against the authority's rate limit.
   */
  #checkedDates(credentials: Credentials, paths: { certPath: string; keyPath: string }): Certificate {
    const { now, logger } = this.#deps;
    try {
      return checkCertificate(credentials, paths, now(), null);
    } catch (error) {
      if (!(error instanceof NotYetValidError)) throw error;
      const behindSeconds = Math.round((error.fromMs - now()) / 1_000);
      logger.warn({ behindSeconds }, "the clock of this machine is behind the authority's");
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
      // For example, the disk is full.
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
