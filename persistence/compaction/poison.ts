/** Something that may poison a document. */
export interface Suspect {
  /** Null for what already waits in the snapshot: it has no sequence number of its own. */
  readonly seq: number | null;
  readonly update: Uint8Array;
}

export interface Antidote<Folded> {
  readonly folded: Folded;
  /** Without these the rest folds, in the order in which they were found. */
  readonly poison: readonly Suspect[];
}

export interface PoisonTrial<Folded> {
  /** Throws if these, on top of a snapshot that is known to fold, do not fold. */
  fold(suspects: readonly Suspect[]): Folded;
  /** Whether anything of this suspect waits, instead of being integrated, in such a result. */
  waits(folded: Folded, suspect: Suspect): boolean;
}

/** Beyond this many it is not a few bad updates any more, and somebody should look. */
const maxPoison = 64;

/** Two, so that two updates that wait for each other's clients end in the order in which they came. */
const maxReorders = 2;

/**
 * Finds the suspects that poison the document and folds the rest: log2(n) trials for each. Blames the one that makes the
 * shortest failing prefix fail. Whoever waits comes after what it waits for: poison that arrived early and takes effect
 * only with an honest edit must not get that edit blamed. Throws the last trial's error after `maxPoison`.
 */
export function foldWithoutPoison<Folded>(suspects: readonly Suspect[], trial: PoisonTrial<Folded>): Antidote<Folded> {
  const poison: Suspect[] = [];
  let left = suspects;
  for (;;) {
    try {
      return { folded: trial.fold(left), poison };
    } catch (error) {
      if (poison.length === maxPoison || left.length === 0) throw error;
    }
    const { blamed, order } = blame(left, trial);
    poison.push(blamed);
    left = order.filter((suspect) => suspect !== blamed);
  }
}

/** `suspects` fail together. */
function blame<Folded>(
  suspects: readonly Suspect[],
  trial: PoisonTrial<Folded>,
): { readonly blamed: Suspect; readonly order: readonly Suspect[] } {
  let order = suspects;
  for (let reorders = 0; ; reorders++) {
    const index = firstFailing(order, trial);
    const blamed = order[index] as Suspect;
    const before = order.slice(0, index);
    if (reorders === maxReorders || before.length === 0) return { blamed, order };
    const folded = trial.fold(before);
    const waiting = before.filter((suspect) => trial.waits(folded, suspect));
    if (waiting.length === 0) return { blamed, order };
    const settled = before.filter((suspect) => !waiting.includes(suspect));
    order = [...settled, blamed, ...waiting, ...order.slice(index + 1)];
  }
}

/** Index of the suspect that makes the shortest failing prefix fail, if all of them together do. */
function firstFailing<Folded>(order: readonly Suspect[], trial: PoisonTrial<Folded>): number {
  let folds = 0;
  let fails = order.length;
  while (fails - folds > 1) {
    const middle = (folds + fails) >>> 1;
    try {
      trial.fold(order.slice(0, middle));
      folds = middle;
    } catch {
      // Whatever it throws, this prefix does not fold: that is what was asked.
      fails = middle;
    }
  }
  return fails - 1;
}
