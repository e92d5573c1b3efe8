import { getHeapStatistics } from 'node:v8';
import { slowness } from '../support/slowness.ts';

/**
 * The bounds of one call of `decode`: a constant and a part for each byte. The server needs about a thousandth of them.
 */
const maxMs = { any: 25, eachByte: 0.001 };
const maxBytes = { any: 16_000_000, eachByte: 500 };
/** How often a costly input is measured again. A garbage collection disturbs one of the measurements at most. */
const confirmations = 3;

/** Measures one action after the other. */
export interface CostMeter {
  /** Starts a measurement. */
  begin(): void;
  /** Ends the measurement. Returns whether the action may have exceeded a bound. */
  isTooMuch(inputBytes: number): boolean;
}

/**
 * Makes a meter that is cheap and reports false alarms, because other processes and the garbage collector disturb it.
 */
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

/** Repeats the action and takes the lowest cost. Resolves with a description of the exceeded bound; null if none is. */
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
