import type { Random } from './random.ts';

/** Numbers at the limits of readers, as varUint bytes: 127, 128, 2^31, 2^32, 2^53 and more. */
const numbers: readonly (readonly number[])[] = [
  [0],
  [0x7f],
  [0x80, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
];

/** The update with one to three faults. Foreign bytes are taken from `donor`. */
export function mutate(update: Uint8Array, donor: Uint8Array, random: Random): Uint8Array {
  let mutant = update;
  for (let times = 1 + random.below(3); times > 0; times--) mutant = mutateOnce(mutant, donor, random);
  return mutant;
}

function mutateOnce(update: Uint8Array, donor: Uint8Array, random: Random): Uint8Array {
  const at = random.below(update.length + 1);
  const here = random.below(update.length - at + 1);
  const piece = donor.subarray(random.below(donor.length + 1)).subarray(0, random.below(24));
  switch (random.below(8)) {
    case 0: // a bit
      return withBytes(update, at, 1, [(update[at] ?? 0) ^ (1 << random.below(8))]);
    case 1: // a byte
      return withBytes(update, at, 1, [random.below(256)]);
    case 2: // a small step, which most often keeps the update readable
      return withBytes(update, at, 1, [((update[at] ?? 0) + random.pick([-1, 1])) & 0xff]);
    case 3: // a number
      return withBytes(update, at, 1, random.pick(numbers));
    case 4: // missing bytes
      return withBytes(update, at, random.below(4), []);
    case 5: // cut off
      return update.subarray(0, at);
    case 6: // a piece of another update, in place of bytes or between them
      return withBytes(update, at, random.pick([0, piece.length]), piece);
    default: // a piece twice
      return withBytes(update, at, 0, update.subarray(at, at + Math.min(here, 24)));
  }
}

function withBytes(update: Uint8Array, at: number, removed: number, inserted: Iterable<number>): Uint8Array {
  return Uint8Array.of(...update.subarray(0, at), ...inserted, ...update.subarray(at + removed));
}
