import {
  addressRanges,
  documentNames,
  duration,
  flag,
  httpUrl,
  list,
  oneOf,
  origins,
  port,
  portOrOff,
  sizeOrZero,
  text,
} from './values.ts';
import { limitOptions } from '../limits/options.ts';
import { logLevels } from '../logger.ts';
import { option } from './option.ts';
import type { Option } from './option.ts';
import { tlsOptions } from './tls-options.ts';

/** Everything that can be set, with its default: nothing else has defaults, and the help is made from it. */
export const options = {
  host: option(
    text,
    '127.0.0.1',
    'address',
    'Address to listen on. Only this machine unless you say otherwise; 0.0.0.0 for all.',
  ),
  port: option(
    port,
    '8443',
    'port',
    'Port for wss and https; 0 takes any free one. Above 1023, so that no privileges are needed.',
  ),
  data: option(
    text,
    './data',
    'folder',
    'Folder for documents and the development certificate. Made if it is missing.',
  ),
  tls: option(
    oneOf('dev', 'off'),
    'dev',
    'dev|off',
    'dev: a certificate of our own, for this machine. off: plain, for use behind a proxy that ends TLS.',
  ),
  'tls-cert': option(
    list,
    null,
    'file',
    'Certificate with its chain (PEM), instead of --tls. Read again when it changes. Several, separated by commas: clients get the one for the name they ask for, or else the first.',
  ),
  'tls-key': option(
    list,
    null,
    'file',
    'Private key of that certificate (PEM); of several, in the order of the certificates.',
  ),
  ...tlsOptions,
  'http-port': option(
    portOrOff,
    'off',
    'port|off',
    'A port without TLS that redirects to the one with TLS, and answers an ACME authority: 80, usually. For certificates from files or by ACME.',
  ),
  hsts: option(
    flag,
    'false',
    null,
    'Tell browsers to use TLS with this host for half a year, whatever they are given to open (Strict-Transport-Security). For certificates from files or by ACME.',
  ),
  'plain-port': option(
    portOrOff,
    '8080',
    'port|off',
    'A second port without TLS, so that a first try meets no certificate warning. Only in development: with --tls dev on a loopback address.',
  ),
  'trusted-proxies': option(
    addressRanges,
    null,
    'addresses',
    'Proxies whose X-Forwarded-For is believed: addresses or ranges (10.0.0.0/8) with commas between them. Without it everybody behind a proxy is one address to limits and to the log.',
  ),
  'metrics-allowed': option(
    addressRanges,
    null,
    'addresses',
    'Who may read /metrics: addresses or ranges with commas between them. Without it everybody: it names no document and no person.',
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
    'none: everybody who reaches the server may read and write every document. Needed to listen on other addresses than loopback if nothing below says who may come in.',
  ),
  'auth-secret': option(
    list,
    null,
    'secrets',
    'Secret that tokens (JWT, HS256) are signed with, 32 bytes or more. Several, with commas between them, are all accepted. As a flag it can be seen in the list of processes: better set the variable, or --auth-secret-file.',
  ),
  'auth-secret-file': option(text, null, 'file', 'File with such secrets, one a line.'),
  'auth-public-key': option(
    list,
    null,
    'files',
    'Public keys or certificates (PEM) of whoever signs the tokens: RSA, EC or Ed25519. Files with commas between them.',
  ),
  'auth-jwks-url': option(
    httpUrl,
    null,
    'url',
    'Where the keys of whoever signs the tokens are published (JWKS). Fetched again every 10 minutes and for unknown keys; kept for a day while the URL is down.',
  ),
  'auth-issuer': option(text, null, 'text', "What 'iss' of a token must be. Without it any issuer is accepted."),
  'auth-audience': option(
    text,
    null,
    'text',
    "What 'aud' of a token must be or contain. Without it any audience is accepted.",
  ),
  'auth-url': option(
    httpUrl,
    null,
    'url',
    'Ask this application instead: one POST per join, which answers who it is and what they may do.',
  ),
  'auth-revocations': option(
    text,
    null,
    'file',
    'JSON file of tokens and users whose access was taken away, {"tokens": [jti], "users": [id]}. Read again within a second when it changes.',
  ),
  'allowed-origins': option(
    origins,
    null,
    'origins',
    'Pages that may connect: origins with commas between them, or * for all. Without it: pages of the same host, and on a loopback address those of this machine.',
  ),
  commit: option(
    oneOf('fsync', 'write'),
    'fsync',
    'fsync|write',
    'What an edit waits for before anybody sees it. fsync survives a power cut; write survives a crash of the program, and is for disks that sync slowly.',
  ),
  'keep-deleted': option(
    documentNames,
    null,
    'names',
    'Documents whose deleted content is kept, so that editors with gc: false can restore versions: names, or prefixes that end in *, with commas between them; * for all. They only grow. Without it what was deleted is collected within minutes.',
  ),
  ephemeral: option(flag, 'false', null, 'Keep everything in memory and forget it at the end.'),
  'accept-damaged-log': option(
    flag,
    'false',
    null,
    'Start although the write-ahead log or a table of the database is damaged, without the edits that cannot be read. A copy of the damaged files is kept. Remove the option after that start.',
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
    'For TLS, then for the header of a request, then until the document is open. Slow mobile networks take 5 s.',
  ),
  'idle-room-timeout': option(
    duration,
    '30s',
    'time',
    'How long a document stays in memory after the last one left: longer than reloading a page takes.',
  ),
  'shutdown-timeout': option(
    duration,
    '8s',
    'time',
    'For everything between SIGTERM and the end. Docker kills after 10 s, Kubernetes after 30 s.',
  ),
  ...limitOptions,
} as const;

export type OptionName = keyof typeof options;
export const optionNames = Object.keys(options) as readonly OptionName[];

type ValueOf<O> = O extends Option<infer Value, infer Default> ? (Default extends null ? Value | null : Value) : never;

/** The values of all options. */
export type OptionValues = { readonly [Name in OptionName]: ValueOf<(typeof options)[Name]> };

/** The environment variable that sets an option. */
export function variableOf(name: OptionName): string {
  return `QUIRE_${name.toUpperCase().replaceAll('-', '_')}`;
}
