import { CorruptDocumentError, LogError } from '../../persistence/errors.ts';
import { AuthSetupError } from '../auth/open-auth.ts';
import { RevocationListError } from '../auth/revocation-list.ts';
import { ConfigError, parseConfig } from '../config/config.ts';
import { CertificateError } from '../tls/certificate.ts';
import { ListenError } from '../net/listener.ts';
import { nearest } from '../config/nearest.ts';
import { readVersion } from '../version.ts';
import type { Signals } from './signals.ts';

/** Exit status for invalid settings. Running the command again will not help. */
const exitUsage = 2;
const exitFailure = 1;

/** Errors whose message is meant for the operator. */
const explained = [LogError, CorruptDocumentError, CertificateError, ListenError];
const explainedUsage = [ConfigError, AuthSetupError, RevocationListError];

const commands = ['serve', 'doctor', 'token', 'help'];
const helpFlags = ['--help', '-h'];

/**
 * Runs one command line. Resolves when it is done, or for `serve` when the server listens. Ends the process if it
 * fails.
 */
export async function run(args: readonly string[], signals: Signals | null): Promise<void> {
  const [command, ...rest] = args;
  const help = helpRequest(args);

  if (help !== null) {
    await printHelp(help);
  } else if (args.includes('--version')) {
    console.log(readVersion());
  } else if (command === undefined) {
    failUsage(
      `quire needs a command. To start a server: quire serve\n\n${await helpOf({ command: null, topic: null })}`,
    );
  } else if (!commands.includes(command)) {
    unknownCommand(command);
  } else {
    await runCommand(command, rest, signals).catch(fail);
  }
}

interface HelpRequest {
  readonly command: string | null;
  /** The part of the help, which follows the flag: `quire serve --help limits`. */
  readonly topic: string | null;
}

/** Null if the command line does not ask for help. */
function helpRequest(args: readonly string[]): HelpRequest | null {
  const wordAt = (index: number): string | null => (args[index]?.startsWith('-') === false ? args[index] : null);
  const flagAt = args.findIndex((arg) => helpFlags.includes(arg));
  if (args[0] === 'help' || flagAt === 0) {
    return wordAt(1) === 'limits' ? { command: 'serve', topic: 'limits' } : { command: wordAt(1), topic: wordAt(2) };
  }
  return flagAt === -1 ? null : { command: wordAt(0), topic: wordAt(flagAt + 1) };
}

async function printHelp(request: HelpRequest): Promise<void> {
  const { command, topic } = request;
  if (command !== null && !commands.includes(command)) return unknownCommand(command);
  const text = await helpOf(request);
  if (text === null) failUsage(`quire ${command} has no help about '${topic}'. See quire ${command} --help.`);
  else console.log(text);
}

/** Only a command line that prints help loads it, because most of the start is spent on reading files. */
async function helpOf({ command, topic }: HelpRequest): Promise<string | null> {
  return (await import('./usage.ts')).helpText(command, topic);
}

function unknownCommand(command: string): void {
  const close = nearest(command, commands);
  const hint = close === null ? 'To start a server: quire serve' : `Did you mean: quire ${close}?`;
  failUsage(`There is no command '${command}'. ${hint}`);
}

function failUsage(message: string): void {
  console.error(message);
  process.exitCode = exitUsage;
}

async function runCommand(command: string, rest: readonly string[], signals: Signals | null): Promise<void> {
  if (command === 'serve' && signals !== null) {
    const config = parseConfig(rest, process.env);
    await (await import('./serve.ts')).serve(config, signals);
  } else if (command === 'doctor') {
    process.exitCode = await (await import('./doctor.ts')).doctor(rest, process.env);
  } else {
    console.log(await (await import('./token.ts')).makeToken(rest, process.env, Date.now()));
  }
}

/**
 * Prints one sentence for an error that the operator can correct. Any other error is a bug and is printed with its
 * stack.
 */
function fail(error: unknown): never {
  const isUsage = explainedUsage.some((type) => error instanceof type);
  if (isUsage || explained.some((type) => error instanceof type)) console.error(`quire: ${(error as Error).message}`);
  else console.error(error);
  process.exit(isUsage ? exitUsage : exitFailure);
}
