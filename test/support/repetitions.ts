const isCi = process.env['CI'] !== undefined;

/**
 * How often a test repeats its work: `quick` on a developer's machine, where the whole suite should take less than
 * three minutes, and `full` in CI (`CI` is set).
 */
export function repetitions(quick: number, full: number): number {
  return isCi ? full : quick;
}
