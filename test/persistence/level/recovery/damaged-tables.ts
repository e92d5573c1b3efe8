import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { copyOf, makeDatabase, openInChild, tablesIn } from '../../../support/stored-tables.ts';
import { randomOf } from '../../../support/random.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** The number of databases that one process opens. */
const batchSize = 20;

/**
 * Flips single bits of tables at random and opens each such database in a separate process. Every document must be
 * unchanged or refused, or the whole database is refused. LevelDB must not end the process.
 */
export async function flipAndOpen(t: TestContext, { flips }: { readonly flips: number }): Promise<void> {
  const random = randomOf(t);
  const folder = tempFolder(t);
  const original = join(folder, 'original');
  await makeDatabase(original);
  const tables = tablesIn(original);
  const [sound] = await openInChild('refuse', [copyOf(original, join(folder, 'sound'))]);
  let damaged = 0;
  for (let done = 0; done < flips; done += batchSize) {
    const places: string[] = [];
    const copies = Array.from({ length: Math.min(batchSize, flips - done) }, (_, i) => {
      const copy = copyOf(original, join(folder, `copy-${done + i}`));
      const table = random.pick(tables);
      const bytes = readFileSync(join(copy, table));
      const at = random.below(bytes.length);
      bytes[at]! ^= 1 << random.below(8);
      writeFileSync(join(copy, table), bytes);
      places.push(`byte ${at} of ${table}`);
      return copy;
    });
    const opened = await openInChild('refuse', copies);
    for (const [i, { refused, documents, afterwards }] of opened.entries()) {
      if (refused !== null) {
        assert.match(refused, /^LOG_DAMAGED/, places[i]);
        continue;
      }
      for (const [docId, content] of Object.entries(documents)) {
        const isDamaged = content === 'damaged';
        damaged += Number(isDamaged);
        if (!isDamaged) assert.equal(content, sound!.documents[docId], `${docId}, ${places[i]}`);
        assert.equal(afterwards[docId], content, `${docId}, after LevelDB has rewritten its tables, ${places[i]}`);
      }
    }
    for (const copy of copies) rmSync(copy, { recursive: true });
  }
  assert.ok(damaged > 0, 'some flips hit a document');
}
