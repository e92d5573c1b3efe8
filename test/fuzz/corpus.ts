import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Relative to dist/test/fuzz, because the compiler does not copy the corpus.
const folder = join(import.meta.dirname, '../../../test/fuzz/corpus');

/**
 * Reads the inputs of `corpus/<target>.txt`: earlier findings, and inputs that mutants do not reach. A line has the
 * input in hex and the reason why it is there.
 */
export function readCorpus(target: string): Uint8Array[] {
  const file = join(folder, `${target}.txt`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line) => (/^[0-9a-f]+/.test(line) ? [Buffer.from(line.split(' ', 1)[0] ?? '', 'hex')] : []));
}
