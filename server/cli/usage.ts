import { optionNames, options, variableOf } from '../config/options.ts';
import type { OptionName } from '../config/options.ts';

const widthColumns = 80;
const indentColumns = 6;

/** Fits on one screen of 24 lines. */
const overview = `
quire serves Yjs documents to editors over wss and keeps them on disk.

Usage: quire <command> [options]

  serve      Start the server.
  doctor     Find out why an editor cannot connect, or check this machine.
  token      Print a token for experiments.
  help       Print this text.

  quire serve --help            The options of the server.
  quire serve --help limits     The limits that can be set.
  quire doctor --help           The options of the doctor, and its exit status.
  quire token --help            The options of token.
  quire --version               The version.

To start a server for this machine only: quire serve`.trim();

/** The headings of the options of `quire serve`, by the first option under each. */
const headings: Partial<Readonly<Record<OptionName, string>>> = {
  host: 'Network and TLS',
  auth: 'Authentication',
  commit: 'Operation',
};
/** This option and all after it are limits. They have a page of their own, because it is long and seldom needed. */
const firstLimit: OptionName = 'max-connections';
const limitsAt = optionNames.indexOf(firstLimit);

/**
 * Resolves with the help of a command, or with the overview if `command` is null. `topic` names a part of the help; the
 * only one is `limits` of `serve`. Resolves with null if there is no such command or topic.
 */
export async function helpText(command: string | null, topic: string | null): Promise<string | null> {
  const page = topic === null ? command : `${command} ${topic}`;
  switch (page) {
    case null:
    case 'help':
      return overview;
    case 'serve':
      return serveUsage();
    case 'serve limits':
      return limitsUsage();
    case 'doctor':
      return (await import('./doctor.ts')).doctorUsage.join('\n');
    case 'token':
      return (await import('./token.ts')).tokenUsage.join('\n');
    default:
      return null;
  }
}

function serveUsage(): string {
  return [
    'quire serve [options]',
    'Starts the server. Each option can also be set as an environment variable, whose',
    'name stands beside it. A flag takes precedence.',
    '',
    ...optionNames.slice(0, limitsAt).flatMap(describe),
    'Limits',
    '',
    '  quire serve --help limits prints the limits that can be set.',
  ].join('\n');
}

function limitsUsage(): string {
  return [
    'quire serve [options]',
    'The limits that can be set. docs/limits.md describes the effect of each, and the',
    'fixed limits.',
    '',
    ...optionNames.slice(limitsAt).flatMap(describe),
  ]
    .join('\n')
    .trimEnd();
}

/** The lines about an option, after its heading if it is the first of its group. */
function describe(name: OptionName): string[] {
  const heading = headings[name];
  const { value, default: defaultText, help } = options[name];
  const written = value === null ? `--${name}` : `--${name} <${value}>`;
  const defaultNote = defaultText === null || value === null ? '' : ` Default: ${defaultText}.`;
  return [
    ...(heading === undefined ? [] : [heading, '']),
    `  ${written}   ${variableOf(name)}`,
    ...wrap(help + defaultNote),
    '',
  ];
}

function wrap(sentences: string): string[] {
  const indent = ' '.repeat(indentColumns);
  const lines: string[] = [];
  let line = '';
  for (const word of sentences.split(' ')) {
    if (line !== '' && indentColumns + line.length + 1 + word.length > widthColumns) {
      lines.push(indent + line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, indent + line];
}
