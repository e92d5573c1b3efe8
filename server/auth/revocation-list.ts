import type { Logger } from '../logger.ts';
import { PolledFile } from '../files/polled-file.ts';
import type { Grant } from '../sync/grant.ts';

/** The list cannot be used. The message is meant for the operator. */
export class RevocationListError extends Error {
  override readonly name = 'RevocationListError';
}

interface Revoked {
  /** `jti` of tokens. */
  readonly tokens: ReadonlySet<string>;
  readonly users: ReadonlySet<string>;
}

/** About 100,000 tokens. Parsing that much blocks the event loop for 30 ms. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * The revoked tokens and users, from a JSON file: `{"tokens": ["<jti>"], "users": ["<id>"]}`. The file is read again
 * when it changes. If it cannot be read, the last list stays in force.
 */
export class RevocationList {
  readonly #file: PolledFile<Revoked>;
  readonly #path: string;
  readonly #logger: Logger;

  /** Reads the file. Throws RevocationListError. */
  static open(path: string, logger: Logger): RevocationList {
    try {
      return new RevocationList(PolledFile.open({ path, maxBytes: maxFileBytes, parse }), path, logger);
    } catch (cause) {
      throw new RevocationListError(`The revocation list ${path} cannot be read: ${(cause as Error).message}.`, {
        cause,
      });
    }
  }

  private constructor(file: PolledFile<Revoked>, path: string, logger: Logger) {
    this.#file = file;
    this.#path = path;
    this.#logger = logger;
  }

  get isEmpty(): boolean {
    const { tokens, users } = this.#file.value;
    return tokens.size === 0 && users.size === 0;
  }

  /** How many times the file became unusable. Only grows. */
  get failures(): number {
    return this.#file.failures;
  }

  has({ userId, tokenId }: Grant): boolean {
    const { tokens, users } = this.#file.value;
    return users.has(userId) || (tokenId !== null && tokens.has(tokenId));
  }

  /** Reads the file if it has changed; otherwise takes about 10 us. Never throws. Call it about once a second. */
  reload(): void {
    const poll = this.#file.poll();
    const { tokens, users } = this.#file.value;
    const fields = { path: this.#path, tokens: tokens.size, users: users.size };
    switch (poll.kind) {
      case 'changed':
        this.#logger.info(fields, 'revocation list reloaded');
        break;
      case 'recovered':
        this.#logger.info(fields, 'revocation list can be read again and is in force');
        break;
      case 'failed':
        this.#logger.error(
          { ...fields, err: poll.error },
          'revocation list cannot be read; the last one stays in force',
        );
        break;
      case 'unchanged':
        break;
    }
  }
}

function parse(text: string): Revoked {
  const list: unknown = JSON.parse(text);
  const { tokens = [], users = [] } = (list ?? {}) as Readonly<Record<string, unknown>>;
  if (!isTexts(tokens) || !isTexts(users)) throw new Error('it must be {"tokens": [strings], "users": [strings]}');
  return { tokens: new Set(tokens), users: new Set(users) };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
