import {
  addressRanges,
  documentNames,
  duration,
  flag,
  httpUrl,
  list,
  oneOf,
  option,
  origins,
  port,
  portOrOff,
  sizeOrZero,
  text,
} from './values.ts';
import type { Option } from './values.ts';
import { logLevels } from '../logger.ts';
import { limitOptions } from './limits.ts';
import { tlsOptions } from './tls-options.ts';

/** All options with their defaults. No default stands anywhere else, and the help text is generated from this table. */
export const options = {
  host: option(
    text,
    '127.0.0.1',
    'address',
    'Address to listen on. The default accepts connections from this machine only; 0.0.0.0 accepts them from all machines.',
  ),
  port: option(
    port,
    '8443',
    'port',
    'Port for wss and https. 0 takes any free port. The default is above 1023, so no privileges are needed.',
  ),
  data: option(
    text,
    './data',
    'folder',
    'Folder for documents and the development certificate. Created if it is missing.',
  ),
  tls: option(
    oneOf('dev', 'off'),
    'dev',
    'dev|off',
    'dev: a development certificate for this machine, signed by its own CA. off: no TLS, for use behind a proxy that ends TLS.',
  ),
  'tls-cert': option(
    list,
    null,
    'file',
    'Certificate with its chain (PEM), instead of --tls. Reloaded when the file changes. Separate several with commas: a client gets the certificate for the name that it asks for, or else the first.',
  ),
  'tls-key': option(
    list,
    null,
    'file',
    'Private key of that certificate (PEM). Separate several with commas, in the order of the certificates.',
  ),
  ...tlsOptions,
  'http-port': option(
    portOrOff,
    'off',
    'port|off',
    'Port without TLS, usually 80, that redirects to the port with TLS and answers ACME challenges. For certificates from files or by ACME.',
  ),
  hsts: option(
    flag,
    'false',
    null,
    'Tell browsers to use only TLS with this host for half a year (Strict-Transport-Security). For certificates from files or by ACME.',
  ),
  'plain-port': option(
    portOrOff,
    '8080',
    'port|off',
    'Second port without TLS, so that a first try shows no certificate warning. Only for development: with --tls dev on a loopback address.',
  ),
  'trusted-proxies': option(
    addressRanges,
    null,
    'addresses',
    'Proxies whose X-Forwarded-For header is trusted: addresses or ranges (10.0.0.0/8), separated by commas. Without it all clients behind a proxy are one address in limits and in the log.',
  ),
  'metrics-allowed': option(
    addressRanges,
    null,
    'addresses',
    'Addresses or ranges that may read /metrics, separated by commas. Without it every client may: the metrics name no document and no person.',
  ),
  demo: option(
    oneOf('on', 'off'),
    'on',
    'on|off',
    'on: the demo editor is at /. off: / only says what this server is. Off is right for production.',
  ),
  auth: option(
    oneOf('none'),
    null,
    'none',
    'none: every client that reaches the server may read and write every document. Required to listen on other addresses than loopback without any of the authentication options below.',
  ),
  'auth-secret': option(
    list,
    null,
    'secrets',
    'Secret that tokens (JWT, HS256) are signed with, at least 32 bytes. Separate several with commas: all are accepted. A flag is visible in the list of processes, so prefer the variable or --auth-secret-file.',
  ),
  'auth-secret-file': option(text, null, 'file', 'File with such secrets, one per line.'),
  'auth-public-key': option(
    list,
    null,
    'files',
    'Files with public keys or certificates (PEM) that verify tokens: RSA, EC or Ed25519. Separated by commas.',
  ),
  'auth-jwks-url': option(
    httpUrl,
    null,
    'url',
    'URL of the keys that verify tokens (JWKS). Fetched again every 10 minutes and for unknown keys. The keys are kept for a day if the URL fails.',
  ),
  'auth-issuer': option(text, null, 'text', "Required 'iss' claim of tokens. Without it any issuer is accepted."),
  'auth-audience': option(
    text,
    null,
    'text',
    "Value that the 'aud' claim of tokens must equal or contain. Without it any audience is accepted.",
  ),
  'auth-url': option(
    httpUrl,
    null,
    'url',
    'Ask this application instead: one POST per join. The response names the user and what the user may do.',
  ),
  'auth-revocations': option(
    text,
    null,
    'file',
    'JSON file of revoked tokens and users, {"tokens": [jti], "users": [id]}. Reloaded within a second when it changes.',
  ),
  'allowed-origins': option(
    origins,
    null,
    'origins',
    'Origins of the pages that may connect, separated by commas, or * for all. Without it pages of the same host may connect, and on a loopback address pages of this machine.',
  ),
  commit: option(
    oneOf('fsync', 'write'),
    'fsync',
    'fsync|write',
    'What an edit waits for before other clients receive it. fsync: edits survive a power cut. write: edits survive a crash of the program; for disks that sync slowly.',
  ),
  'keep-deleted': option(
    documentNames,
    null,
    'names',
    'Documents whose deleted content is kept, so that editors with gc: false can restore versions. Names, or prefixes that end in *, separated by commas; * for all. These documents only grow. Without it deleted content is collected within minutes.',
  ),
  ephemeral: option(flag, 'false', null, 'Keep documents in memory only. They are lost when the server stops.'),
  'accept-damaged-log': option(
    flag,
    'false',
    null,
    'Start with a damaged write-ahead log or a damaged table of the database, without the edits that cannot be read. A copy of the damaged files is kept. Remove the option after that start.',
  ),
  'log-level': option(oneOf(...logLevels), 'info', 'level', `One of ${logLevels.join(', ')}.`),
  'disk-reserve': option(
    sizeOrZero,
    '64MB',
    'size',
    'Free disk space below which documents become read-only. LevelDB needs it to recover from a full disk.',
  ),
  'handshake-timeout': option(
    duration,
    '10s',
    'time',
    'Time for the TLS handshake, then for the header of a request, then until the document is open. Slow mobile networks take 5 s.',
  ),
  'idle-room-timeout': option(
    duration,
    '30s',
    'time',
    'Time that a document stays in memory after the last client has left. Longer than a page takes to reload.',
  ),
  'shutdown-timeout': option(
    duration,
    '8s',
    'time',
    'Time for the whole shutdown after SIGTERM. Docker kills the process after 10 s, Kubernetes after 30 s.',
  ),
  ...limitOptions,
} as const;

export type OptionName = keyof typeof options;
export const optionNames = Object.keys(options) as readonly OptionName[];

type ValueOf<O> = O extends Option<infer Value, infer Default> ? (Default extends null ? Value | null : Value) : never;

/** The parsed values of all options. */
export type OptionValues = { readonly [Name in OptionName]: ValueOf<(typeof options)[Name]> };

/** The environment variable that sets an option. */
export function variableOf(name: OptionName): string {
  return `QUIRE_${name.toUpperCase().replaceAll('-', '_')}`;
}
