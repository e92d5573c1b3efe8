/** After so long it is small enough, in milliseconds. */
const maxMs = 2_000;

/** Leaves out what it can, as long as `isStill` says that the rest is still such an input. */
export async function minimize(
  input: Uint8Array,
  isStill: (candidate: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let smallest = input;
  const beganMs = performance.now();
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && performance.now() - beganMs < maxMs;) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (await isStill(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
