/** An update that may poison a document. */
export interface Suspect {
  /** Null for a pending update of the snapshot, which has no sequence number of its own. */
  readonly seq: number | null;
  readonly update: Uint8Array;
}

interface Antidote<Folded> {
  readonly folded: Folded;
  /** The suspects left out of the fold, in the order in which they were found. */
  readonly poison: readonly Suspect[];
}

export interface PoisonTrial<Folded> {
  /** Folds suspects on top of a snapshot that is known to fold. Throws if they do not fold. */
  fold(suspects: readonly Suspect[]): Folded;
  /** Whether any part of this suspect waits in `folded` instead of being integrated. */
  waits(folded: Folded, suspect: Suspect): boolean;
}

/** More bad updates than this point to another problem, which needs an operator. */
const maxPoison = 64;

/** Two, so that two updates that wait for each other's clients end in the order in which they arrived. */
const maxReorders = 2;

/**
 * Finds the suspects that poison the document and folds the rest, with log2(n) trials for each. Blames the suspect that
 * makes the shortest failing prefix fail. A suspect that waits is moved behind those it waits for: poison that arrived
 * early and takes effect only with an honest edit must not put the blame on that edit. Throws the error of the last
 * trial after `maxPoison`.
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

/** Finds one suspect to blame. `suspects` must fail together. */
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

/** Index of the suspect that makes the shortest failing prefix fail. All suspects together must fail. */
function firstFailing<Folded>(order: readonly Suspect[], trial: PoisonTrial<Folded>): number {
  let folds = 0;
  let fails = order.length;
  while (fails - folds > 1) {
    const middle = (folds + fails) >>> 1;
    try {
      trial.fold(order.slice(0, middle));
      folds = middle;
    } catch {
      // Any error means that this prefix does not fold.
      fails = middle;
    }
  }
  return fails - 1;
}
