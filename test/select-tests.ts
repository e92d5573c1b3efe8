import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { importsOf } from './source/import-graph.ts';

const pageModule = 'test/support/built-page.ts';

/**
 * The sources of the tests whose path below test/ contains one of the words, all if there are none. In the order in
 * which they are to run. Sources, because the folder of compiled files keeps those of tests that were removed.
 */
export function selectTests(root: string, suffix: string, words: readonly string[]): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(suffix) && !file.includes('node_modules/'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort(byDuration)
    .map((file) => join('test', file));
}

/** Whether one of the tests imports `support/built-page.ts`, directly or through others. */
export function needsPage(root: string, tests: readonly string[]): boolean {
  const seen = new Set(tests);
  for (const file of seen) {
    if (file === pageModule) return true;
    for (const imported of importsOf(root, file)) {
      if (imported.startsWith('test/') && imported.endsWith('.ts')) seen.add(imported);
    }
  }
  return false;
}

/** Files that start servers and browsers take longest and come first, so that none of them runs alone at the end. */
function byDuration(a: string, b: string): number {
  return Number(isSlow(b)) - Number(isSlow(a)) || (a < b ? -1 : 1);
}

function isSlow(file: string): boolean {
  return /^(e2e|client-demo|doctor|package)\//.test(file);
}
