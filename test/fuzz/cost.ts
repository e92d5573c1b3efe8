import { getHeapStatistics } from 'node:v8';
import { slowness } from '../support/slowness.ts';

/** What decoding may cost: so much in any case, and so much for each byte. The server reads as much in a thousandth of it. */
const maxMs = { any: 25, eachByte: 0.001 };
const maxBytes = { any: 16_000_000, eachByte: 500 };
/** What seems to cost too much is measured so often again: a collection of garbage comes once. */
const confirmations = 3;

/** Says what an action that has cost too much has cost; null if it has not. */
export interface CostMeter {
  /** Begins measuring. */
  begin(): void;
  /** Ends measuring. Whether it looks like too much. */
  isTooMuch(inputBytes: number): boolean;
}

/** Cheap, and easily deceived: by other processes and by the garbage collector. */
export function createCostMeter(): CostMeter {
  let beganMs = 0;
  let beganBytes = 0;
  return {
    begin() {
      beganBytes = memoryBytes();
      beganMs = performance.now();
    },
    isTooMuch(inputBytes) {
      const tookMs = performance.now() - beganMs;
      return tookMs > limit(maxMs, inputBytes) || memoryBytes() - beganBytes > limit(maxBytes, inputBytes);
    },
  };
}

/** Measures again, thoroughly. Resolves with what is wrong; null if nothing is. */
export async function confirmCost(action: () => unknown, inputBytes: number): Promise<string | null> {
  let leastMs = Infinity;
  let leastBytes = Infinity;
  for (let i = 0; i < confirmations; i++) {
    const beganBytes = memoryBytes();
    const beganCpu = process.cpuUsage();
    const beganMs = performance.now();
    await action();
    const wallMs = performance.now() - beganMs;
    const { user, system } = process.cpuUsage(beganCpu);
    leastMs = Math.min(leastMs, wallMs, (user + system) / 1000);
    leastBytes = Math.min(leastBytes, memoryBytes() - beganBytes);
  }
  if (leastBytes > limit(maxBytes, inputBytes)) return `takes much memory\n${leastBytes} bytes for ${inputBytes}`;
  const maxHereMs = limit(maxMs, inputBytes);
  if (leastMs <= maxHereMs || leastMs <= maxHereMs * slowness()) return null;
  return `takes long\n${leastMs.toFixed(1)} ms for ${inputBytes} bytes`;
}

function limit({ any, eachByte }: typeof maxMs, inputBytes: number): number {
  return any + eachByte * inputBytes;
}

function memoryBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
