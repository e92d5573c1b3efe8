import { mergeInLevels } from '../../persistence/update/merge.ts';
import { weightOf } from '../../persistence/update/weight.ts';
import { MAX_MERGE_WEIGHT } from './offload.ts';
import type { Block } from './tail.ts';

/** The same blocks in as few as may be: neighbours are merged as long as that holds up nobody. */
export function gather(blocks: readonly Block[]): Block[] {
  const gathered: Block[] = [];
  let group: Uint8Array[] = [];
  let weight = 0;
  for (const [index, { lastSeq, update }] of blocks.entries()) {
    group.push(update);
    weight += weightOf(update);
    const next = blocks[index + 1];
    // What has one sequence number stays together: whoever joins reads on after a number.
    if (next !== undefined && (next.lastSeq === lastSeq || weight + weightOf(next.update) <= MAX_MERGE_WEIGHT))
      continue;
    gathered.push({ lastSeq, update: mergeInLevels(group) });
    group = [];
    weight = 0;
  }
  return gathered;
}
