import type { BlockList } from 'node:net';
import { parseArgs } from 'node:util';
import { authOf, authWarnings, originsOf } from './auth.ts';
import type { AuthConfig, OriginRule } from './auth.ts';
import { optionNames, options, variableOf } from './options.ts';
import type { OptionName, OptionValues } from './options.ts';
import { clientCertificatesOf, hstsOf, httpPortOf, isLoopback, plainPortOf, tlsOf, tlsWarnings } from './tls.ts';
import type { ClientCertificates, Given, TlsConfig } from './tls.ts';
import { ConfigError, documentNames, domains, list, ValueError } from './values.ts';
import type { DocumentNames } from './values.ts';
import { limitsOf } from './limits.ts';
import type { Limits } from './limits.ts';
import type { LogLevel } from '../logger.ts';
import { nearest } from './nearest.ts';

/** The configuration. Frozen: it does not change after the start. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly tls: TlsConfig;
  /** Null if client certificates are not used. */
  readonly clientCertificates: ClientCertificates | null;
  /** The second port, without TLS; null if there is none. */
  readonly plainPort: number | null;
  /** The port that redirects to TLS; null if there is none. */
  readonly httpPort: number | null;
  /** Whether browsers are told to use TLS only. */
  readonly hsts: boolean;
  /** Whether the demo editor is served at `/`. */
  readonly demo: boolean;
  readonly auth: AuthConfig;
  /** The path of the revocation list; null if there is none. */
  readonly revocationsPath: string | null;
  readonly origins: OriginRule;
  readonly commit: 'fsync' | 'write';
  /** The documents whose deleted content is kept; null for none. */
  readonly keepDeleted: DocumentNames | null;
  readonly ephemeral: boolean;
  readonly logLevel: LogLevel;
  readonly diskReserveBytes: number;
  /** Whether to start even if the database's write-ahead log is damaged. */
  readonly acceptDamagedLog: boolean;
  readonly limits: Limits;
  /** The proxies whose `X-Forwarded-For` is trusted; null for none. */
  readonly trustedProxies: BlockList | null;
  /** The addresses that may read metrics; null for all. */
  readonly metricsAllowed: BlockList | null;
  readonly handshakeTimeoutMs: number;
  readonly idleRoomTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  /**
   * Warnings about settings that have no effect or are dangerous. They do not prevent the start: other programs may set
   * variables too.
   */
  readonly warnings: readonly string[];
}

/** Options that take several values separated by commas. They may also be repeated. */
const repeatable: readonly unknown[] = [list, domains, documentNames];

export { ConfigError };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, then `QUIRE_*` variables, then defaults. Throws ConfigError. */
export function parseConfig(args: readonly string[], environment: Environment): Config {
  const { values, given } = readOptions(args, environment);
  const tls = tlsOf(values, given);
  const auth = authOf(values, isLoopback(values.host));
  return Object.freeze({
    host: values.host,
    port: values.port,
    dataDir: values.data,
    tls: Object.freeze(tls),
    clientCertificates: clientCertificatesOf(values, tls, given),
    plainPort: plainPortOf(values, tls, given),
    httpPort: httpPortOf(values, tls, given),
    hsts: hstsOf(values, tls, given),
    demo: values.demo === 'on',
    auth: Object.freeze(auth),
    revocationsPath: values['auth-revocations'],
    origins: Object.freeze(originsOf(values, auth, isLoopback(values.host))),
    commit: values.commit,
    keepDeleted: values['keep-deleted'],
    ephemeral: values.ephemeral,
    logLevel: values['log-level'],
    diskReserveBytes: values['disk-reserve'],
    acceptDamagedLog: values['accept-damaged-log'],
    limits: Object.freeze(limitsOf(values)),
    trustedProxies: values['trusted-proxies'],
    metricsAllowed: values['metrics-allowed'],
    handshakeTimeoutMs: values['handshake-timeout'],
    idleRoomTimeoutMs: values['idle-room-timeout'],
    shutdownTimeoutMs: values['shutdown-timeout'],
    warnings: Object.freeze([
      ...unknownVariables(environment),
      ...tlsWarnings(values, tls),
      ...authWarnings(values, auth),
    ]),
  });
}

interface Options {
  readonly values: OptionValues;
  readonly given: ReadonlyMap<OptionName, Given>;
}

/** Parses all options without checking that they fit together. Throws ConfigError. */
export function readOptions(args: readonly string[], environment: Environment): Options {
  const given = readVariables(environment);
  for (const [name, flag] of readFlags(args)) given.set(name, flag);
  const values = Object.fromEntries(optionNames.map((name) => [name, valueOf(name, given.get(name))])) as OptionValues;
  return { values, given };
}

function readFlags(args: readonly string[]): Map<OptionName, Given> {
  const { tokens } = parseArgs({
    args: [...args],
    // Not strict, because the errors below say how to correct the option.
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      optionNames.map((name) => [name, { type: options[name].value === null ? 'boolean' : 'string' }] as const),
    ),
  });
  const flags = new Map<OptionName, Given>();
  for (const token of tokens) {
    if (token.kind === 'positional') throw new ConfigError(`'${token.value}' is not expected here.`);
    if (token.kind === 'option-terminator') continue;
    const name = optionNames.find((candidate) => candidate === token.name);
    if (name === undefined || token.rawName !== `--${name}`) {
      throw new ConfigError(`There is no option ${token.rawName}.${suggestion(token.name, optionNames, '--')}`);
    }
    if (options[name].value === null) {
      flags.set(name, { written: token.value ?? 'true', source: `--${name}` });
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      throw new ConfigError(`--${name} needs a value: --${name} <${options[name].value}>.`);
    } else {
      const before = repeatable.includes(options[name].parse) ? flags.get(name)?.written : undefined;
      const written = before === undefined ? token.value : `${before},${token.value}`;
      flags.set(name, { written, source: `--${name}` });
    }
  }
  return flags;
}

function readVariables(environment: Environment): Map<OptionName, Given> {
  const variables = new Map<OptionName, Given>();
  for (const name of optionNames) {
    const written = withoutWrapping(environment[variableOf(name)] ?? '');
    if (written !== '') variables.set(name, { written, source: variableOf(name) });
  }
  return variables;
}

/**
 * Removes quotes and a trailing CR from the value of a variable. Docker passes the lines of an env file unchanged: with
 * the quotes that a shell would remove, and with the CR of a file that was edited on Windows.
 */
function withoutWrapping(value: string): string {
  const trimmed = value.trim();
  return /^(["'])(.*)\1$/s.exec(trimmed)?.[2] ?? trimmed;
}

function unknownVariables(environment: Environment): string[] {
  const known = optionNames.map(variableOf);
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('QUIRE_') && !known.includes(variable))
    .map((variable) => `The environment variable ${variable} has no effect.${suggestion(variable, known, '')}`);
}

function suggestion(word: string, candidates: readonly string[], prefix: string): string {
  const candidate = nearest(word, candidates);
  return candidate === null ? '' : ` Did you mean ${prefix}${candidate}?`;
}

function valueOf(name: OptionName, given: Given | undefined): unknown {
  const { parse, default: defaultText } = options[name];
  const written = given?.written ?? defaultText;
  if (written === null) return null;
  try {
    return parse(written);
  } catch (error) {
    if (error instanceof ValueError) throw new ConfigError(`${given?.source ?? `--${name}`} ${error.message}.`);
    throw error;
  }
}
