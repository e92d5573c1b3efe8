import type { Clock, Timer } from '../clock.ts';

export interface DiskReserveOptions {
  /** Free space below which the disk is low, in bytes; 0 never. */
  readonly reserveBytes: number;
  readonly checkIntervalMs: number;
}

export interface DiskReserveDeps {
  readonly clock: Clock;
  /** Free space for this process, in bytes. */
  readonly freeBytes: () => Promise<number>;
  readonly changed: (low: boolean) => void;
  /** The free space could not be read; what was known holds. */
  readonly failed: (error: unknown) => void;
}

/** So much more than the reserve must be free before the disk is no longer low: at the limit it would flap. */
const recoveryFactor = 1.25;

/** Watches the free space of a disk. LevelDB cannot even be opened on a full one, so a reserve is kept. */
export class DiskReserve {
  readonly #options: DiskReserveOptions;
  readonly #deps: DiskReserveDeps;
  #timer: Timer | null = null;
  #low = false;
  #stopped = false;

  constructor(options: DiskReserveOptions, deps: DiskReserveDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Resolves after the first look; then looks again at every interval. */
  async start(): Promise<void> {
    if (this.#options.reserveBytes === 0) return;
    await this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      this.#update(await this.#deps.freeBytes());
    } catch (error) {
      this.#deps.failed(error);
    }
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.after(this.#options.checkIntervalMs, () => void this.#look());
    this.#timer.unref();
  }

  #update(freeBytes: number): void {
    const { reserveBytes } = this.#options;
    const low = freeBytes < (this.#low ? reserveBytes * recoveryFactor : reserveBytes);
    if (low === this.#low || this.#stopped) return;
    this.#low = low;
    this.#deps.changed(low);
  }
}
