/**
 * Makes trace.json, the keystrokes of the demo's writers. They are excerpts from the editing history of the paper "A
 * Conflict-Free Replicated JSON Datatype" (Martin Kleppmann, Alastair R. Beresford; automerge-perf; CC BY 4.0). Each
 * excerpt is independent: its positions count only the text that it typed itself. Run this after changing `pieces`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** First keystroke and number of keystrokes: four places where prose was written without a break. */
const pieces = [
  [106193, 767],
  [57007, 499],
  [113030, 866],
  [115175, 805],
];

const source = join(import.meta.dirname, '../../test/fixtures/traces/automerge-paper.json.gz');
/** @type {{ txns: { patches: [number, number, string][] }[] }} */
const { txns } = JSON.parse(gunzipSync(readFileSync(source)).toString());
const keystrokes = txns.flatMap(({ patches }) => patches);

/** For each character of the paper, the piece that typed it. @type {number[]} */
const owners = [];
/** @type {[number, number, string][][]} */
const traces = pieces.map(() => []);

keystrokes.slice(0, 116_000).forEach(([index, deleted, typed], at) => {
  const piece = pieces.findIndex(([first, count]) => at >= first && at < first + count);
  if (piece >= 0) {
    /** @param {number[]} some */
    const own = (some) => some.filter((owner) => owner === piece).length;
    const ownDeleted = own(owners.slice(index, index + deleted));
    if (ownDeleted > 0 || typed) {
      // A line break in LaTeX is a space in a paragraph.
      traces[piece].push([own(owners.slice(0, index)), ownDeleted, typed.replaceAll('\n', ' ')]);
    }
  }
  owners.splice(index, deleted, ...Array.from(typed, () => piece));
});

writeFileSync(join(import.meta.dirname, 'trace.json'), JSON.stringify(traces));
