import type { Goal } from './workload.ts';

/** Goals are those of Quire with fsync, unless another name is given. */
const ours = 'quire';

/** A multiple of another contender's figure, of the same repetition. */
export function times(bound: number, of: Goal['with'], whose = ours): Goal {
  return { of: whose, with: of, by: 'times', bound };
}

/** So much above another contender's figure. */
export function plus(bound: number, of: Goal['with'], whose = ours): Goal {
  return { of: whose, with: of, by: 'plus', bound };
}

export function absolute(bound: number, whose = ours): Goal {
  return { of: whose, with: null, by: 'plus', bound };
}
