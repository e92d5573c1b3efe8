import type { Clock, Timer } from '../clock.ts';

export interface DiskReserveOptions {
  /** Free space in bytes below which the disk counts as low; 0 disables the check. */
  readonly reserveBytes: number;
  readonly checkIntervalMs: number;
}

export interface DiskReserveDeps {
  readonly clock: Clock;
  /** Free space for this process, in bytes. */
  readonly freeBytes: () => Promise<number>;
  readonly changed: (low: boolean) => void;
  /** Called when the free space cannot be read. The last known state remains. */
  readonly failed: (error: unknown) => void;
}

/**
 * Free space must exceed the reserve by this factor before the disk is no longer low, so that the state does not flap.
 */
const recoveryFactor = 1.25;

/** Watches the free space of a disk. A reserve is kept because LevelDB cannot even be opened on a full disk. */
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

  /** Resolves after the first check. Checks again at every interval. */
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
