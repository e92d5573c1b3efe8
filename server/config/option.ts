/** One thing that can be set, by a flag or by an environment variable. */
export interface Option<Value, Default extends string | null> {
  readonly parse: (value: string) => Value;
  /** As one would write it; null if there is none. */
  readonly default: Default;
  /** What stands for the value in the help; null for a flag that takes none. */
  readonly value: string | null;
  /** What it does, and why the default is what it is. */
  readonly help: string;
}

export function option<Value, Default extends string | null>(
  parse: (value: string) => Value,
  defaultText: Default,
  value: string | null,
  help: string,
): Option<Value, Default> {
  return { parse, default: defaultText, value, help };
}
