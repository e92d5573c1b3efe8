import { withFile } from './read-file.ts';
import type { OpenFile } from './read-file.ts';

export interface PolledFileOptions<T> {
  readonly path: string;
  readonly maxBytes: number;
  /** Converts the content to a value. Throws an error with the reason if the content cannot be used. */
  parse(text: string): T;
}

/**
 * The result of a poll:
 * - `changed`: there is a new value
 * - `recovered`: the file was unusable, and again holds the value that is in force
 * - `failed`: the file cannot be used; reported once, until the reason changes
 * - `unchanged`: nothing new to report
 */
type Poll =
  { readonly kind: 'changed' | 'recovered' | 'unchanged' } | { readonly kind: 'failed'; readonly error: Error };

/** A version of the file whose content was read. */
interface Seen {
  readonly version: string;
  /** Why its content cannot be used; null if its value is in force. */
  readonly failure: Error | null;
}

/**
 * A file that is polled while the server runs. Keeps the last good value if the file becomes unusable. Unusable content
 * is not read again until the file changes; a file that cannot be opened is tried at each poll.
 */
export class PolledFile<T> {
  /** How many times the file became unusable, or unusable for another reason. Only grows. */
  failures = 0;
  readonly #options: PolledFileOptions<T>;
  #value: T;
  #seen: Seen;
  /** The last reported reason why the file cannot be used; null if it can be used. */
  #failure: string | null = null;

  /** Reads the file. Throws an error of the system, or the error of `parse`. */
  static open<T>(options: PolledFileOptions<T>): PolledFile<T> {
    return withFile(options.path, (file) => new PolledFile(options, read(file, options), file.version));
  }

  private constructor(options: PolledFileOptions<T>, value: T, version: string) {
    this.#options = options;
    this.#value = value;
    this.#seen = { version, failure: null };
  }

  get value(): T {
    return this.#value;
  }

  /**
   * Reads the file if it has changed; otherwise takes about 10 us. Never throws. `use` is called with a new value
   * before it is in force, and may throw to refuse it.
   */
  poll(use: (value: T) => void = () => {}): Poll {
    let changed = false;
    let failure: Error | null;
    try {
      failure = withFile(this.#options.path, (file) => {
        if (file.version === this.#seen.version) return this.#seen.failure;
        const refused = this.#take(file, use);
        changed = refused === null;
        return refused;
      });
    } catch (error) {
      failure = error as Error;
    }
    return this.#tell(failure, changed);
  }

  /** Returns why the content cannot be used, or null. Throws an error of the system if it cannot be read. */
  #take(file: OpenFile, use: (value: T) => void): Error | null {
    let failure: Error | null = null;
    try {
      const value = read(file, this.#options);
      use(value);
      this.#value = value;
    } catch (error) {
      // A failed read may succeed the next time, although the file has not changed.
      if (isSystemError(error)) throw error;
      failure = error as Error;
    }
    this.#seen = { version: file.version, failure };
    return failure;
  }

  #tell(failure: Error | null, changed: boolean): Poll {
    const before = this.#failure;
    this.#failure = failure?.message ?? null;
    if (failure === null) return { kind: changed ? 'changed' : before === null ? 'unchanged' : 'recovered' };
    if (failure.message === before) return { kind: 'unchanged' };
    this.failures++;
    return { kind: 'failed', error: failure };
  }
}

function read<T>(file: OpenFile, { maxBytes, parse }: PolledFileOptions<T>): T {
  return parse(file.readText(maxBytes));
}

function isSystemError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}
