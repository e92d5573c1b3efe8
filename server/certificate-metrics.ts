import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ServedCertificates } from './net/served-certificates.ts';

/** Registers how long the certificates last, and what became of their renewals. */
export function registerCertificateMetrics(registry: Registry, certificates: ServedCertificates): void {
  const registers = [registry];
  void new Gauge({
    name: 'quire_certificate_not_after_seconds',
    help: 'When a certificate expires, in seconds since 1970, by its first name.',
    registers,
    labelNames: ['name'],
    collect() {
      this.reset();
      for (const { names, notAfterMs } of certificates.reports) this.set({ name: names[0] ?? '' }, notAfterMs / 1000);
    },
  });
  void new Gauge({
    name: 'quire_certificate_last_reload_seconds',
    help: 'When a certificate was read last that is in use, in seconds since 1970.',
    registers,
    collect() {
      this.set(certificates.lastReloadMs / 1000);
    },
  });
  void new Counter({
    name: 'quire_certificate_reloads_total',
    help: 'Certificates replaced while running.',
    registers,
    collect() {
      this.reset();
      this.inc(certificates.reloads);
    },
  });
  void new Counter({
    name: 'quire_certificate_reload_failures_total',
    help: 'Certificates found that cannot be used; the old one goes on being served.',
    registers,
    collect() {
      this.reset();
      this.inc(certificates.failures);
    },
  });
}
