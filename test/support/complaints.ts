import type { Owner } from './owner.ts';

/**
 * Collects the errors and warnings that are printed from now on. Yjs and its providers catch failures and print them.
 */
export function listenForComplaints(owner: Owner): readonly string[] {
  const complaints: string[] = [];
  const { error, warn } = console;
  console.error = console.warn = (...args: unknown[]) => {
    complaints.push(args.map((arg) => (arg instanceof Error ? arg.stack : String(arg))).join(' '));
  };
  owner.after(() => {
    Object.assign(console, { error, warn });
  });
  return complaints;
}
