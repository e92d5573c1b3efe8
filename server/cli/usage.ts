import { doctorUsage } from './doctor.ts';
import { tokenUsage } from './token.ts';
import { optionNames, options, variableOf } from '../config/options.ts';
import type { OptionName } from '../config/options.ts';

const widthColumns = 100;
const indentColumns = 6;

/** The headings, by the first option of their group. */
const headings: Partial<Readonly<Record<OptionName, string>>> = {
  host: 'Network and TLS:',
  auth: 'Authentication:',
  commit: 'Operation:',
  'max-connections': 'Limits (docs/limits.md describes the effect of each, and the fixed limits):',
};

/** The text of `quire --help`. */
export function usage(): string {
  const lines = [
    'quire serve [options]',
    'Serves Yjs documents over wss, and keeps them on disk.',
    '',
    'Options, each also as an environment variable.',
    '',
  ];
  for (const name of optionNames) {
    const heading = headings[name];
    if (heading !== undefined) lines.push(heading, '');
    const { value, default: defaultText, help } = options[name];
    const written = value === null ? `--${name}` : `--${name} <${value}>`;
    lines.push(`  ${written}   ${variableOf(name)}`);
    const defaultNote = defaultText === null || value === null ? '' : ` Default: ${defaultText}.`;
    lines.push(...wrap(help + defaultNote), '');
  }
  lines.push(...tokenUsage, '', ...doctorUsage, '');
  lines.push('quire --help      this text', 'quire --version   the version');
  return lines.join('\n');
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
