import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { AcmeStats } from './acme/acme-stats.ts';
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
      for (const { names, notAfterMs, health } of certificates.reports) {
        if (health !== 'pending') this.set({ name: names[0] ?? '' }, notAfterMs / 1000);
      }
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

/** Registers how orders at the authority end, and when the next is due. */
export function registerAcmeMetrics(registry: Registry, stats: AcmeStats): void {
  const registers = [registry];
  void new Counter({
    name: 'quire_acme_orders_total',
    help: 'Certificates ordered from the ACME authority, by what came of it: issued or failed.',
    registers,
    labelNames: ['result'],
    collect() {
      this.reset();
      this.inc({ result: 'issued' }, stats.issued);
      this.inc({ result: 'failed' }, stats.failed);
    },
  });
  void new Gauge({
    name: 'quire_acme_failures_in_a_row',
    help: 'Orders that failed since the last that did not.',
    registers,
    collect() {
      this.set(stats.failuresInARow);
    },
  });
  void new Gauge({
    name: 'quire_acme_next_order_seconds',
    help: 'When the next certificate is ordered, in seconds since 1970.',
    registers,
    collect() {
      this.set(stats.nextAttemptMs / 1000);
    },
  });
}
