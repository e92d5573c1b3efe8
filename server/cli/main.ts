#!/usr/bin/env node
import { CorruptDocumentError, LogError } from '../../persistence/errors.ts';
import { AuthSetupError } from '../auth/open-auth.ts';
import { RevocationListError } from '../auth/revocation-list.ts';
import { ConfigError, parseConfig } from '../config.ts';
import { CertificateError } from '../net/certificate.ts';
import { ListenError } from '../net/listener.ts';
import { nearest } from '../nearest.ts';
import { readVersion } from '../version.ts';
import { doctor } from './doctor.ts';
import { serve } from './serve.ts';
import { makeToken } from './token.ts';
import { usage } from './usage.ts';

/** What was asked for makes no sense; running it again will not help. */
const exitUsage = 2;
const exitFailure = 1;

const [command, ...rest] = process.argv.slice(2);
const asks = (...flags: readonly string[]): boolean => process.argv.slice(2).some((arg) => flags.includes(arg));

if (asks('--help', '-h') || command === 'help') {
  console.log(usage());
} else if (asks('--version')) {
  console.log(readVersion());
} else if (command === 'serve' || command === 'token' || command === 'doctor') {
  try {
    if (command === 'serve') await serve(parseConfig(rest, process.env));
    else if (command === 'doctor') process.exitCode = await doctor(rest, process.env);
    else console.log(await makeToken(rest, process.env, Date.now()));
  } catch (error) {
    fail(error);
  }
} else if (command === undefined) {
  console.error(`quire needs a command. To serve: quire serve\n\n${usage()}`);
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
