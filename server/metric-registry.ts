type MetricType = 'counter' | 'gauge';
type Values = Iterable<readonly [label: string, value: number]>;

/** Everything that is measured, in the text format of Prometheus. Numbers are read when somebody asks for them. */
export class MetricRegistry {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #writers = new Map<string, () => string>();

  get names(): Iterable<string> {
    return this.#writers.keys();
  }

  counter(name: string, help: string, read: () => number): void {
    this.#add('counter', name, help, () => `quire_${name} ${read()}\n`);
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#add('gauge', name, help, () => `quire_${name} ${read()}\n`);
  }

  /** One count for each value of the label. */
  counters(name: string, help: string, label: string, read: () => Values): void {
    this.#add('counter', name, help, () => labelled(name, label, read()));
  }

  gauges(name: string, help: string, label: string, read: () => Values): void {
    this.#add('gauge', name, help, () => labelled(name, label, read()));
  }

  text(): string {
    return Array.from(this.#writers.values(), (write) => write()).join('\n');
  }

  #add(type: MetricType, name: string, help: string, write: () => string): void {
    if (this.#writers.has(name)) throw new Error(`Two metrics of the name ${name}`);
    this.#writers.set(name, () => `# HELP quire_${name} ${help}\n# TYPE quire_${name} ${type}\n${write()}`);
  }
}

function labelled(name: string, label: string, values: Values): string {
  return Array.from(values, ([of, value]) => `quire_${name}{${label}="${escape(of)}"} ${value}\n`).join('');
}

/** The name of a certificate may hold anything. */
function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
