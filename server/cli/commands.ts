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

const commands = ['serve', 'token', 'doctor', 'help'];

// Each command loads only the modules that it needs, because most of the start is spent on reading files.
const usage = async (): Promise<string> => (await import('./usage.ts')).usage();

/**
 * Runs one command line. Resolves when it is done, or for `serve` when the server listens. Ends the process if it
 * fails.
 */
export async function run(args: readonly string[], signals: Signals | null): Promise<void> {
  const [command, ...rest] = args;
  const asks = (...flags: readonly string[]): boolean => args.some((arg) => flags.includes(arg));

  if (asks('--help', '-h') || command === 'help') {
    console.log(await usage());
  } else if (asks('--version')) {
    console.log(readVersion());
  } else if (command === undefined) {
    console.error(`quire needs a command. To start a server: quire serve\n\n${await usage()}`);
    process.exitCode = exitUsage;
  } else if (!commands.includes(command)) {
    const close = nearest(command, commands);
    const hint = close === null ? 'To start a server: quire serve' : `Did you mean: quire ${close}?`;
    console.error(`There is no command '${command}'. ${hint}`);
    process.exitCode = exitUsage;
  } else {
    await runCommand(command, rest, signals).catch(fail);
  }
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
