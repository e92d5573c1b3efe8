import { certificateHealth } from './certificate-health.ts';
import type { CertificateReport } from './certificate-health.ts';
import type { Logger } from '../logger.ts';
import type { Certificate } from './certificate.ts';
import { kindOf } from './certificate-kind.ts';
import type { CertificateSource } from './certificate-source.ts';
import type { Watch } from '../files/file-watch.ts';

export interface ServedCertificatesDeps {
  readonly logger: Logger;
  /** In milliseconds since 1970. */
  now(): number;
  /** Calls `callback` once after `delayMs`. Must not keep the process alive. Returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls `changed` when something may have changed in the folders of these files. */
  watch(paths: readonly string[], changed: () => void): Watch;
}

/** Finds changes where there are no file events, as on network file systems. */
const pollMs = 60_000;
/** The time between a file event and the read, because a pair of files is not written at once. */
const settleMs = 200;
/** Reads of a bad pair, one settling time apart, before it is reported. It may be half written until then. */
const maxAttempts = 10;
const dayMs = 86_400_000;

interface Served {
  readonly source: CertificateSource;
  certificate: Certificate;
  /** Why the current content of the source cannot be used; null if it is served. Reported once, not every minute. */
  failure: string | null;
  warnedMs: number;
}

/**
 * The certificates in use. Reads their sources after each file event and every minute. Serves a new certificate if it
 * is good. Reports a bad one, and continues to serve the one before it.
 */
export class ServedCertificates {
  reloads = 0;
  failures = 0;
  lastReloadMs: number;
  readonly #deps: ServedCertificatesDeps;
  readonly #served: readonly Served[];
  readonly #listeners = new Set<(certificates: readonly Certificate[]) => void>();
  #watch: Watch | null = null;
  #cancelPoll: (() => void) | null = null;
  #cancelSettled: (() => void) | null = null;

  /** Reads all sources. Throws CertificateError if a certificate cannot be served. */
  static open(sources: readonly CertificateSource[], deps: ServedCertificatesDeps): ServedCertificates {
    const nowMs = deps.now();
    const served = sources.map((source) => ({
      source,
      certificate: source.read(nowMs, null),
      failure: null,
      warnedMs: -Infinity,
    }));
    return new ServedCertificates(served, nowMs, deps);
  }

  private constructor(served: readonly Served[], nowMs: number, deps: ServedCertificatesDeps) {
    this.#deps = deps;
    this.#served = served;
    this.lastReloadMs = nowMs;
  }

  /** The certificates in use. The first is served to clients that ask for no name. */
  get current(): readonly Certificate[] {
    return this.#served.map(({ certificate }) => certificate);
  }

  get reports(): readonly CertificateReport[] {
    const nowMs = this.#deps.now();
    return this.current.map((certificate) => ({
      names: certificate.names,
      notAfterMs: certificate.notAfterMs,
      health: certificate.isPlaceholder ? ('pending' as const) : certificateHealth(certificate, nowMs),
      kind: kindOf(certificate),
    }));
  }

  /** Calls `listener` with all certificates when one of them has changed. If it throws, the old ones stay in use. */
  onChange(listener: (certificates: readonly Certificate[]) => void): void {
    this.#listeners.add(listener);
  }

  /** Starts to watch and to poll the sources. */
  start(): void {
    this.#rewatch();
    for (const { certificate } of this.#served) this.#warnOfKind(certificate);
    this.#warnOfExpiry();
    this.#poll();
  }

  /** Reads all sources now, for a caller that knows of a change. */
  reload(): void {
    this.#readAll(maxAttempts);
  }

  /** Stops watching and polling. */
  stop(): void {
    this.#watch?.stop();
    this.#cancelPoll?.();
    this.#cancelSettled?.();
  }

  #poll(): void {
    this.#cancelPoll = this.#deps.after(pollMs, () => {
      this.#poll();
      this.#readAll(maxAttempts);
      this.#warnOfExpiry();
    });
  }

  /** Watches the folders again, because symbolic links may lead to other folders now. */
  #rewatch(): void {
    this.#watch?.stop();
    const paths = this.#served.flatMap(({ source }) => source.paths);
    this.#watch = this.#deps.watch(paths, () => this.#settle(0));
  }

  /** Reads the sources in a moment. Further events do not delay that, or a busy folder would hide a renewal. */
  #settle(attempt: number): void {
    if (this.#cancelSettled !== null) return;
    this.#cancelSettled = this.#deps.after(settleMs, () => {
      this.#cancelSettled = null;
      this.#readAll(attempt);
    });
  }

  /** Reads the sources. Never throws, because timers call it. A source may also fail with an error of the system. */
  #readAll(attempt: number): void {
    this.#rewatch();
    let unsettled = false;
    for (const served of this.#served) {
      try {
        const found = served.source.read(this.#deps.now(), served.certificate);
        served.failure = null;
        if (found.cert !== served.certificate.cert || found.key !== served.certificate.key) this.#swap(served, found);
      } catch (error) {
        if (attempt < maxAttempts) unsettled = true;
        else this.#failed(served, (error as Error).message);
      }
    }
    if (unsettled) this.#settle(attempt + 1);
  }

  #swap(served: Served, certificate: Certificate): void {
    const before = served.certificate;
    served.certificate = certificate;
    try {
      for (const listener of this.#listeners) listener(this.current);
    } catch (error) {
      served.certificate = before;
      for (const listener of this.#listeners) listener(this.current);
      this.#failed(served, (error as Error).message);
      return;
    }
    this.reloads++;
    this.lastReloadMs = this.#deps.now();
    served.warnedMs = -Infinity;
    const dropped = before.names.filter((name) => !certificate.names.includes(name));
    const fields = { names: certificate.names, notAfter: isoDate(certificate.notAfterMs) };
    this.#deps.logger.info({ ...fields, fingerprint: certificate.fingerprint }, 'certificate reloaded');
    this.#warnOfKind(certificate);
    if (dropped.length > 0)
      this.#deps.logger.warn({ ...fields, dropped }, 'new certificate lacks names of the old one');
  }

  /** Warns about a certificate that browsers refuse. The development authority is announced where it is made. */
  #warnOfKind(certificate: Certificate): void {
    const { names } = certificate;
    const kind = kindOf(certificate);
    if (kind === 'staging') {
      this.#deps.logger.warn({ names, kind }, 'a staging certificate is served, which browsers refuse');
    } else if (kind === 'placeholder') {
      this.#deps.logger.warn(
        { names, kind },
        'a placeholder is served, which browsers refuse, until a certificate is obtained',
      );
    }
  }

  #failed(served: Served, reason: string): void {
    if (served.failure === reason) return;
    served.failure = reason;
    this.failures++;
    const { names, notAfterMs } = served.certificate;
    this.#deps.logger.error({ reason, names, notAfter: isoDate(notAfterMs) }, 'certificate not reloaded');
  }

  /** Warns once a day about each certificate whose renewal is late. */
  #warnOfExpiry(): void {
    const nowMs = this.#deps.now();
    for (const served of this.#served) {
      const { certificate } = served;
      if (certificate.isPlaceholder) continue;
      const health = certificateHealth(certificate, nowMs);
      // If the clock was set back, the last warning may be in the future.
      const warnedAgoMs = nowMs - served.warnedMs;
      if (health === 'good' || (warnedAgoMs >= 0 && warnedAgoMs < dayMs)) continue;
      served.warnedMs = nowMs;
      const daysLeft = Math.floor((certificate.notAfterMs - nowMs) / dayMs);
      const fields = { names: certificate.names, notAfter: isoDate(certificate.notAfterMs), daysLeft };
      if (health === 'renew-soon') this.#deps.logger.warn(fields, 'certificate should have been renewed');
      else if (health === 'renew-now') this.#deps.logger.error(fields, 'certificate expires soon');
      else this.#deps.logger.error(fields, 'certificate has expired');
    }
  }
}

function isoDate(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
