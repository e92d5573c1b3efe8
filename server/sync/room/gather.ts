import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { mergingWeight } from '../../../persistence/update/weight.ts';
import { MAX_MERGE_WEIGHT } from '../offload.ts';
import type { Block } from './tail.ts';

/** What is merged in one call at most: a room may have received much since it last sent. */
const MAX_GATHER_WEIGHT = 2 * MAX_MERGE_WEIGHT;

/**
 * Merges neighbours of these blocks as long as that takes a part of a turn of the event loop: never more than
 * `MAX_MERGE_WEIGHT` into one block, nor more than `MAX_GATHER_WEIGHT` in one call. The rest stays as it is, in order.
 * Blocks of one entry may be merged or not, so several neighbours may have the same sequence number.
 */
export function gather(blocks: readonly Block[]): Block[] {
  if (blocks.length < 2) return [...blocks];
  const gathered: Block[] = [];
  let group: Block[] = [];
  let groupWeight = 0;
  /** Of all that is merged, without what stays as it is. */
  let mergedWeight = 0;
  const close = (): void => {
    const last = group.at(-1);
    if (last !== undefined) gathered.push({ lastSeq: last.lastSeq, update: mergeInLevels(group.map(updateOf)) });
    if (group.length > 1) mergedWeight += groupWeight;
    group = [];
    groupWeight = 0;
  };
  for (const block of blocks) {
    const added = mergingWeight(block.update, MAX_MERGE_WEIGHT);
    const weight = groupWeight + added;
    if (weight > MAX_MERGE_WEIGHT || mergedWeight + weight > MAX_GATHER_WEIGHT) close();
    group.push(block);
    groupWeight += added;
  }
  close();
  return gathered;
}

function updateOf({ update }: Block): Uint8Array {
  return update;
}
