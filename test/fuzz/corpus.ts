import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// From dist/test/fuzz: the compiler does not copy it.
const folder = join(import.meta.dirname, '../../../test/fuzz/corpus');

/** Inputs that once were findings, or that nothing else comes upon: the lines of `corpus/<target>.txt`, hex and a word why. */
export function readCorpus(target: string): Uint8Array[] {
  const file = join(folder, `${target}.txt`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line) => (/^[0-9a-f]+/.test(line) ? [Buffer.from(line.split(' ', 1)[0] ?? '', 'hex')] : []));
}
