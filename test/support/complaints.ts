import type { Owner } from './owner.ts';

/** What is printed as an error or a warning from now on: Yjs and its providers swallow failures and print them. */
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
