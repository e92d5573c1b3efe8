import type { Goal } from './workload.ts';

/** Goals are for Quire with fsync by default. */
const ours = 'quire';

/** A multiple of another contender's figure in the same repetition. */
export function times(bound: number, of: Goal['with'], whose = ours): Goal {
  return { of: whose, with: of, by: 'times', bound };
}

/** An amount above another contender's figure in the same repetition. */
export function plus(bound: number, of: Goal['with'], whose = ours): Goal {
  return { of: whose, with: of, by: 'plus', bound };
}

export function absolute(bound: number, whose = ours): Goal {
  return { of: whose, with: null, by: 'plus', bound };
}
