import { createRequire } from 'node:module';
import { guardMs, paced, within } from './deadline.ts';
import { Inspector, inspectorArgs } from './inspector.ts';
import type { Owner } from './owner.ts';
import type { Quire } from './quire.ts';

const require = createRequire(import.meta.url);
const batchModule = createRequire(require.resolve('level')).resolve('classic-level/chained-batch');

/**
 * Runs in the server before its first module. It replaces the function that hands a batch to LevelDB. While `isHeld` is
 * set, a batch waits until `release()` is called, as on a disk whose fsync does not return.
 */
const hold = `
  const { createRequire } = process.getBuiltinModule('node:module');
  const { ChainedBatch } = createRequire(${JSON.stringify(batchModule)})(${JSON.stringify(batchModule)});
  const write = ChainedBatch.prototype._write;
  const disk = { isHeld: false, waiting: [], finished: 0 };
  disk.release = () => { for (const go of disk.waiting.splice(0)) go(); };
  disk.step = (before) => {
    if (disk.finished === before) disk.release();
    return disk.finished;
  };
  globalThis.heldDisk = disk;
  ChainedBatch.prototype._write = async function (options) {
    if (disk.isHeld) await new Promise((go) => disk.waiting.push(go));
    await write.call(this, options);
    disk.finished += 1;
  };`;

/** Arguments for `node` with which a HeldDisk can be attached. */
export const heldDiskArgs: readonly string[] = [
  ...inspectorArgs,
  '--import',
  `data:text/javascript,${encodeURIComponent(hold)}`,
];

/** The disk of a server process. While it is held, no batch of LevelDB ends until the test says so. */
export class HeldDisk {
  readonly #inspector: Inspector;

  /** For a server that was started with `heldDiskArgs`. */
  static async attach(owner: Owner, quire: Quire): Promise<HeldDisk> {
    const inspector = await Inspector.attach(quire.process);
    owner.after(() => inspector.close());
    return new HeldDisk(inspector);
  }

  private constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Batches that start from now on wait. */
  async hold(): Promise<void> {
    await this.#inspector.evaluate('void (heldDisk.isHeld = true)');
  }

  /** Resolves when the batch that waits has ended. There must be one, or one must be about to start. */
  async step(): Promise<void> {
    const finished = (await this.#inspector.evaluate('heldDisk.finished')) as number;
    const stepped = async (): Promise<void> => {
      while ((await this.#inspector.evaluate(`heldDisk.step(${finished})`)) === finished) await paced(5);
    };
    await within(guardMs, 'the end of a batch', stepped());
  }

  /** Ends the hold. */
  async release(): Promise<void> {
    await this.#inspector.evaluate('void (heldDisk.isHeld = false, heldDisk.release())');
  }
}
