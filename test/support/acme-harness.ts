import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { Acme } from '../../server/acme/acme.ts';
import type { ChallengeType } from '../../server/acme/acme-authority.ts';
import { Listener } from '../../server/net/listener.ts';
import { ServedCertificates } from '../../server/tls/served-certificates.ts';
import { RequestInput } from '../../server/net/request-input.ts';
import { NetStats } from '../../server/net/stats.ts';
import { guardMs, within } from './deadline.ts';
import { TurnBudget } from '../../server/net/turn-budget.ts';
import { ManualClock } from './manual-clock.ts';
import type { Owner } from './owner.ts';
import { Signal } from './signal.ts';

/** Pebble is faster than a real authority, but not on every machine. After this many polls the waits get longer. */
const hastyWaits = 20;
const haste = 10;

export interface AcmeHarnessOptions {
  readonly folder: string;
  readonly directoryUrl: URL;
  /** The root certificate of the directory URL, PEM; null if it is served without TLS. */
  readonly ca: string | null;
  readonly names: readonly string[];
  readonly port: number;
  readonly challenge?: ChallengeType;
}

type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A TLS port with certificates from an ACME authority, and a clock that the test moves. Polling takes real time. */
export class AcmeHarness {
  readonly clock = new ManualClock();
  readonly lines: Line[] = [];
  readonly acme: Acme;
  readonly served: ServedCertificates;
  readonly #port: number;
  readonly #changed: Signal;

  static async start(
    owner: Owner,
    { port, challenge = 'tls-alpn-01', ...options }: AcmeHarnessOptions,
  ): Promise<AcmeHarness> {
    const clock = new ManualClock();
    const lines: Line[] = [];
    const changed = new Signal();
    const write = (line: string): void => {
      lines.push(JSON.parse(line) as Line);
      changed.notify();
    };
    const logger = pino({ level: 'info' }, { write });
    // Certificates are dated by the real clock. Time that a test adds is added to it.
    const startMs = clock.wallMs();
    const now = (): number => Date.now() + clock.wallMs() - startMs;
    const after = (delayMs: number, callback: () => void): (() => void) => {
      const timer = clock.after(delayMs, callback);
      return () => timer.cancel();
    };
    let waits = 0;
    const wait = (delayMs: number, signal: AbortSignal): Promise<void> =>
      pause(waits++ < hastyWaits ? delayMs / haste : delayMs, undefined, { signal });
    const account = { email: null, profile: null, userAgent: 'quire/test', challenge };
    const acme = await Acme.open({ ...account, ...options }, { logger, now, random: () => 0.5, after, wait });
    const served = ServedCertificates.open([acme.source], { logger, now, after, watch: () => ({ stop: () => {} }) });
    const stats = new NetStats();
    const turn = new TurnBudget({ now: () => performance.now(), atEnd: setImmediate });
    const input = new RequestInput({ turn, stats, logger, maxUnreadBytes: 2 ** 30 });
    input.start();
    const listener = new Listener(
      {
        requests: (_, response) => response.end('http'),
        upgrade: { handle: (_, socket) => socket.destroy() },
        input,
        stats,
        logger,
        handshakeTimeoutMs: 20_000,
        challenges: acme.answers,
      },
      served.current,
    );
    served.onChange((current) => listener.useCertificates(current));
    await listener.listen('127.0.0.1', port);
    owner.after(async () => {
      acme.stop();
      served.stop();
      input.stop();
      await listener.close(0);
    });
    return new AcmeHarness(clock, lines, changed, acme, served, port);
  }

  private constructor(
    clock: ManualClock,
    lines: Line[],
    changed: Signal,
    acme: Acme,
    served: ServedCertificates,
    port: number,
  ) {
    this.clock = clock;
    this.lines = lines;
    this.#changed = changed;
    this.acme = acme;
    this.served = served;
    this.#port = port;
  }

  /** Starts ACME, as the server does when it listens. */
  begin(): void {
    this.acme.start(() => this.served.reload());
  }

  /** Resolves with the nth log line with this message, whether it was written already or not. */
  async line(message: string, nth = 1): Promise<Line> {
    const found = (): Line | undefined => this.lines.filter(({ msg }) => msg === message)[nth - 1];
    const written = (): string => this.lines.map((line) => JSON.stringify(line)).join('\n');
    await within(
      guardMs,
      () => `line ${nth} of '${message}'; there are\n${written()}`,
      this.#changed.until(() => found() !== undefined),
    );
    return found()!;
  }

  /** Resolves with the fingerprint of the certificate that a client receives for a name and these protocols. */
  async shown(servername: string, protocols: readonly string[] = ['http/1.1']): Promise<string> {
    const options = { port: this.#port, host: '127.0.0.1', servername, rejectUnauthorized: false };
    const socket = connect({ ...options, ALPNProtocols: [...protocols] });
    try {
      await within(guardMs, 'a handshake', once(socket, 'secureConnect'));
      return socket.getPeerX509Certificate()!.fingerprint256;
    } finally {
      socket.destroy();
    }
  }
}
