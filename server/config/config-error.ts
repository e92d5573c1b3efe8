/** What was asked for makes no sense. The message says what to write instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
