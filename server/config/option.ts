/** An option, set by a flag or an environment variable. */
export interface Option<Value, Default extends string | null> {
  readonly parse: (value: string) => Value;
  /** As written on the command line; null if there is none. */
  readonly default: Default;
  /** The placeholder of the value in the help; null for a flag without a value. */
  readonly value: string | null;
  /** The effect of the option, and the reason for its default. */
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
