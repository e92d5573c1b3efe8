import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../logger.ts';
import type { Grant } from '../sync/grant.ts';

/** The list cannot be used; the message is for people. */
export class RevocationListError extends Error {
  override readonly name = 'RevocationListError';
}

interface Revoked {
  /** `jti` of tokens. */
  readonly tokens: ReadonlySet<string>;
  readonly users: ReadonlySet<string>;
}

/**
 * Tokens and users whose access was taken away: a JSON file, `{"tokens": ["<jti>"], "users": ["<id>"]}`, read again when
 * it has changed. What cannot be read leaves the last list in force.
 */
export class RevocationList {
  readonly #path: string;
  readonly #logger: Logger;
  #revoked: Revoked;
  #version: string;

  /** Throws RevocationListError. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#version = versionOf(path);
    this.#revoked = read(path);
  }

  get isEmpty(): boolean {
    return this.#revoked.tokens.size === 0 && this.#revoked.users.size === 0;
  }

  has({ userId, tokenId }: Grant): boolean {
    return this.#revoked.users.has(userId) || (tokenId !== null && this.#revoked.tokens.has(tokenId));
  }

  /** Looks whether the file has changed; a few microseconds if not. To be called about once a second. */
  reload(): void {
    const version = versionOf(this.#path);
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#revoked = read(this.#path);
      const { tokens, users } = this.#revoked;
      this.#logger.info({ tokens: tokens.size, users: users.size }, 'revocation list reloaded');
    } catch (err) {
      this.#logger.error({ err }, 'revocation list cannot be read; the last one stays in force');
    }
  }
}

/** Follows symlinks, by which mounted files are replaced. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
}

function read(path: string): Revoked {
  let list: unknown;
  try {
    list = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new RevocationListError(`The revocation list ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const { tokens = [], users = [] } = (list ?? {}) as Readonly<Record<string, unknown>>;
  if (!isTexts(tokens) || !isTexts(users)) {
    throw new RevocationListError(`The revocation list ${path} must be {"tokens": [texts], "users": [texts]}.`);
  }
  return { tokens: new Set(tokens), users: new Set(users) };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
