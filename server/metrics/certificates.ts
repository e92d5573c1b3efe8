import type { AcmeStats } from '../acme/acme-renewal.ts';
import type { CertificateKind } from '../tls/certificate-health.ts';
import type { MetricRegistry } from './registry.ts';
import type { ServedCertificates } from '../tls/served-certificates.ts';

const kinds: readonly CertificateKind[] = ['placeholder', 'staging', 'development'];

/** Registers the expiry times of the certificates and the counts of reloads. */
export function registerCertificateMetrics(registry: MetricRegistry, certificates: ServedCertificates): void {
  registry.gauges(
    'certificate_not_after_seconds',
    'When a certificate expires, in seconds since 1970, by its first name; the earliest of several.',
    'name',
    () => {
      // Certificates with keys of different types share their names. The one that expires first is reported.
      const seconds = new Map<string, number>();
      for (const { names, notAfterMs, health } of certificates.reports) {
        if (health === 'pending') continue;
        const name = names[0] ?? '';
        seconds.set(name, Math.min(seconds.get(name) ?? Infinity, notAfterMs / 1_000));
      }
      return seconds;
    },
  );
  registry.gauges(
    'certificates_untrusted',
    'Certificates served that browsers do not trust by themselves: placeholder, staging or development.',
    'kind',
    () => new Map(kinds.map((kind) => [kind, certificates.reports.filter((report) => report.kind === kind).length])),
  );
  registry.gauge(
    'certificate_last_reload_seconds',
    'When a certificate in use was last read, in seconds since 1970.',
    () => certificates.lastReloadMs / 1000,
  );
  registry.counter('certificate_reloads_total', 'Certificates replaced while running.', () => certificates.reloads);
  registry.counter(
    'certificate_reload_failures_total',
    'Unusable certificates found; the old certificate stays in use.',
    () => certificates.failures,
  );
}

/** Registers the results of orders from the authority, and the time of the next one. */
export function registerAcmeMetrics(registry: MetricRegistry, stats: AcmeStats): void {
  registry.counters(
    'acme_orders_total',
    'Certificates ordered from the ACME authority, by result: issued or failed.',
    'result',
    () => [
      ['issued', stats.issued],
      ['failed', stats.failed],
    ],
  );
  registry.gauge('acme_failures_in_a_row', 'Failed orders since the last successful one.', () => stats.failuresInARow);
  registry.gauge(
    'acme_next_order_seconds',
    'When the next certificate is ordered, in seconds since 1970.',
    () => stats.nextAttemptMs / 1000,
  );
}
