import type { Owner } from '../support/owner.ts';
import type { FuzzTarget } from './target.ts';
import { openAnswerTarget } from './targets/answer.ts';
import { documentNameTarget } from './targets/document-name.ts';
import { frameTarget } from './targets/frame.ts';
import { jwksTarget } from './targets/jwks.ts';
import { originTarget } from './targets/origin.ts';
import { partsTarget } from './targets/parts.ts';
import { presenceTarget } from './targets/presence.ts';
import { rangeTarget } from './targets/range.ts';
import { scanTarget } from './targets/scan.ts';
import { stateVectorTarget } from './targets/state-vector.ts';
import { tokenTarget } from './targets/token.ts';

interface Listed {
  /** Its part of the time, relative to the other targets. */
  readonly share: number;
  readonly open: (owner: Owner) => FuzzTarget | Promise<FuzzTarget>;
}

/** Updates get half of the time, because their format is the most complex one. */
const targets: ReadonlyMap<string, Listed> = new Map<string, Listed>([
  ['scan', { share: 8, open: () => scanTarget }],
  ['parts', { share: 3, open: () => partsTarget }],
  ['range', { share: 1, open: () => rangeTarget }],
  ['state-vector', { share: 1, open: () => stateVectorTarget }],
  ['frame', { share: 1, open: () => frameTarget }],
  ['presence', { share: 2, open: () => presenceTarget }],
  ['document-name', { share: 1, open: () => documentNameTarget }],
  ['origin', { share: 1, open: () => originTarget }],
  ['token', { share: 2, open: () => tokenTarget }],
  ['jwks', { share: 1, open: () => jwksTarget }],
  ['answer', { share: 1, open: openAnswerTarget }],
]);

export const targetNames: readonly string[] = [...targets.keys()];

export function shareOf(name: string): number {
  return find(name).share;
}

/** Opens a target. The owner closes the servers that the target needs. */
export async function openTarget(name: string, owner: Owner): Promise<FuzzTarget> {
  return find(name).open(owner);
}

function find(name: string): Listed {
  const target = targets.get(name);
  if (target === undefined) throw new RangeError(`No fuzz target is called ${name}`);
  return target;
}
