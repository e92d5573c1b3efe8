/** Runs `work` for every index below `count`, at most `most` at a time. Rejects as soon as one of them does. */
export async function inParallel(count: number, most: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, worker));
}
