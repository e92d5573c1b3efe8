#!/usr/bin/env node
import { CorruptDocumentError, LogError } from '../../persistence/errors.ts';
import { AuthSetupError } from '../auth/open-auth.ts';
import { RevocationListError } from '../auth/revocation-list.ts';
import { ConfigError, parseConfig } from '../config.ts';
import { CertificateError } from '../net/certificate.ts';
import { ListenError } from '../net/listener.ts';
import { nearest } from '../nearest.ts';
import { readVersion } from '../version.ts';

/** What was asked for makes no sense; running it again will not help. */
const exitUsage = 2;
const exitFailure = 1;

// Only what the command needs is loaded: reading files is most of what a start takes.
const usage = async (): Promise<string> => (await import('./usage.ts')).usage();

const [command, ...rest] = process.argv.slice(2);
const asks = (...flags: readonly string[]): boolean => process.argv.slice(2).some((arg) => flags.includes(arg));

if (asks('--help', '-h') || command === 'help') {
  console.log(await usage());
} else if (asks('--version')) {
  console.log(readVersion());
} else if (command === 'serve' || command === 'token' || command === 'doctor') {
  try {
    if (command === 'serve') {
      const config = parseConfig(rest, process.env);
      await (await import('./serve.ts')).serve(config);
    } else if (command === 'doctor') {
      process.exitCode = await (await import('./doctor.ts')).doctor(rest, process.env);
    } else {
      console.log(await (await import('./token.ts')).makeToken(rest, process.env, Date.now()));
    }
  } catch (error) {
    fail(error);
  }
} else if (command === undefined) {
  console.error(`quire needs a command. To serve: quire serve\n\n${await usage()}`);
  process.exitCode = exitUsage;
} else {
  const close = nearest(command, ['serve', 'token', 'doctor', 'help']);
  console.error(
    `There is no command '${command}'. ${close === null ? 'To serve: quire serve' : `Did you mean: quire ${close}`}`,
  );
  process.exitCode = exitUsage;
}

/** A sentence for what people can mend; everything else is a fault of ours, and comes with its stack. */
function fail(error: unknown): never {
  const known = [
    ConfigError,
    LogError,
    CorruptDocumentError,
    CertificateError,
    ListenError,
    AuthSetupError,
    RevocationListError,
  ];
  if (known.some((type) => error instanceof type)) console.error(`quire: ${(error as Error).message}`);
  else console.error(error);
  process.exit(error instanceof ConfigError ? exitUsage : exitFailure);
}
