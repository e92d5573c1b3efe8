import type * as Client from 'prom-client';
import type { Counter, Gauge, Registry } from 'prom-client';

type Values = Iterable<readonly [label: string, value: number]>;

/**
 * All metrics for Prometheus. Values are read when metrics are requested. prom-client, which takes a tenth of the
 * start, is loaded at the first request.
 */
export class MetricRegistry {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #metrics = new Map<string, (client: typeof Client, registers: Registry[]) => void>();
  #registry: Promise<Registry> | null = null;

  get names(): Iterable<string> {
    return this.#metrics.keys();
  }

  counter(name: string, help: string, read: () => number): void {
    this.#add('Counter', name, help, null, () => [['', read()]]);
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add('Gauge', name, help, null, () => [['', read()]]);
  }

  /** One count for each value of the label. */
  counters(name: string, help: string, label: string, read: () => Values): void {
    this.#add('Counter', name, help, label, read);
  }

  gauges(name: string, help: string, label: string, read: () => Values): void {
    this.#add('Gauge', name, help, label, read);
  }

  async text(): Promise<string> {
    this.#registry ??= this.#load();
    return (await this.#registry).metrics();
  }

  async #load(): Promise<Registry> {
    const client = await import('prom-client');
    const registry = new client.Registry();
    for (const metric of this.#metrics.values()) metric(client, [registry]);
    return registry;
  }

  #add(kind: 'Counter' | 'Gauge', name: string, help: string, label: string | null, read: () => Values): void {
    if (this.#metrics.has(name)) throw new Error(`Two metrics of the name ${name}`);
    this.#metrics.set(name, (client, registers) => {
      const options = {
        name: `quire_${name}`,
        help,
        registers,
        labelNames: label === null ? [] : [label],
        collect(this: Counter | Gauge) {
          this.reset();
          for (const [of, value] of read()) this.inc(label === null ? {} : { [label]: of }, value);
        },
      };
      void (kind === 'Counter' ? new client.Counter(options) : new client.Gauge(options));
    });
  }
}
