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
  /** Calls once after `delayMs`; must not keep the process alive. Returns what cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls whenever something may have changed in the folders of these files. */
  watch(paths: readonly string[], changed: () => void): Watch;
}

/** Where no file event comes (network file systems), this finds the change. */
const pollMs = 60_000;
/** A pair is two files, and both take a moment to write. */
const settleMs = 200;
/** What is bad may still be half written: so often it is looked at again, a settling time apart, before it is reported. */
const patience = 10;
const dayMs = 86_400_000;

interface Served {
  readonly source: CertificateSource;
  certificate: Certificate;
  /** What was wrong with what is there now; null if that is what is served. Reported once, and not every minute. */
  failure: string | null;
  warnedMs: number;
}

/**
 * The certificates in use. Looks at their sources after each file event and every minute, and swaps what is good and
 * new; what is bad is reported, and what was served before goes on being served.
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

  /** The first is served to clients that ask for no name. */
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

  /** Calls with all certificates when one of them has changed. What throws keeps the old ones in use. */
  onChange(listener: (certificates: readonly Certificate[]) => void): void {
    this.#listeners.add(listener);
  }

  /** Starts to watch and to poll the sources. */
  start(): void {
    this.#rewatch();
    for (const { certificate } of this.#served) this.#nameKind(certificate);
    this.#warn();
    this.#poll();
  }

  /** Looks at all sources now, for who knows that one has changed. */
  reload(): void {
    this.#look(patience);
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
      this.#look(patience);
      this.#warn();
    });
  }

  /** Folders behind symbolic links change with them. */
  #rewatch(): void {
    this.#watch?.stop();
    const paths = this.#served.flatMap(({ source }) => source.paths);
    this.#watch = this.#deps.watch(paths, () => this.#settle(0));
  }

  /** Looks in a moment. Events in the meantime do not put it off, or a busy folder would hide a renewal. */
  #settle(attempt: number): void {
    if (this.#cancelSettled !== null) return;
    this.#cancelSettled = this.#deps.after(settleMs, () => {
      this.#cancelSettled = null;
      this.#look(attempt);
    });
  }

  /** Never throws: it is called by timers. A source may fail with an error of the system, too. */
  #look(attempt: number): void {
    this.#rewatch();
    let unsettled = false;
    for (const served of this.#served) {
      try {
        const found = served.source.read(this.#deps.now(), served.certificate);
        served.failure = null;
        if (found.cert !== served.certificate.cert || found.key !== served.certificate.key) this.#swap(served, found);
      } catch (error) {
        if (attempt < patience) unsettled = true;
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
    this.#nameKind(certificate);
    if (dropped.length > 0) this.#deps.logger.warn({ ...fields, dropped }, 'the new certificate lacks names');
  }

  /** The development authority is announced where it is made. */
  #nameKind(certificate: Certificate): void {
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

  /** Once a day for each that is late. */
  #warn(): void {
    const nowMs = this.#deps.now();
    for (const served of this.#served) {
      const { certificate } = served;
      if (certificate.isPlaceholder) continue;
      const health = certificateHealth(certificate, nowMs);
      // After the clock was set back, the last warning may lie in the future.
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
