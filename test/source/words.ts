/**
 * Looks in comments, strings and pages for phrases that read as translated: a part of `npm run check`. Prints each with
 * its place, and how many there are in each folder. `node dist/test/source/words.js test` looks in other folders.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../support/lock-file.ts';
import { passagesOfHashComments, passagesOfHtml, passagesOfMarkdown, passagesOfSource } from './prose.ts';
import type { Passage } from './prose.ts';
import { exceptions } from './word-exceptions.ts';
import type { Exception } from './word-exceptions.ts';

const checkedPaths = ['server', 'persistence', 'client-demo', 'docs', 'README.md', 'CHANGELOG.md'];

/** What each phrase should be instead. */
const phrases: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  {
    // At the start of a sentence or of a clause, or after a preposition that no question follows.
    pattern: /(?:^|[.!?,;:–—]["'*)]*\s|\b(?:for|of)\s)["'*(]*who\b/gi,
    instead: 'name the subject: "a client that ...", "users who ..."',
  },
  { pattern: /\b(?:whoever|whomever)\b/gi, instead: 'name the subject: "a client that ...", "any user who ..."' },
  { pattern: /\bwhatever\b/gi, instead: 'name the thing: "any value", "regardless of ..."' },
  { pattern: /\bwhat is no\b/gi, instead: 'name the thing: "a message that is not ..."' },
  { pattern: /\b(?:nobody|somebody|everybody)\b/gi, instead: '"no client", "a user", "all clients"' },
  { pattern: /\banew\b/gi, instead: '"again"' },
  { pattern: /\bin all\b/gi, instead: '"in total", or "in every ..."' },
  { pattern: /\bmend(?:s|ed|ing)?\b/gi, instead: '"fix", "repair"' },
  { pattern: /\blet(?:s|ting)?(?: \w+)? go\b/gi, instead: '"release", "drop", "close"' },
  { pattern: /\bof ours\b/gi, instead: '"our ...", or name the owner' },
];

export interface Finding {
  /** From the top of the project. */
  readonly path: string;
  readonly line: number;
  /** What was found, with the words around it. */
  readonly phrase: string;
  readonly instead: string;
}

/** The phrases in one file, in the order of their lines. */
export function findPhrases(path: string, source: string): Finding[] {
  const findings: Finding[] = [];
  for (const { text, lineAt } of passagesOf(path, source)) {
    for (const { pattern, instead } of phrases) {
      for (const { index, 0: found } of text.matchAll(pattern)) {
        const phrase = text.slice(Math.max(0, index - 20), index + found.length + 20).trim();
        findings.push({ path, line: lineAt(index + found.length - 1), phrase, instead });
      }
    }
  }
  return findings.sort((a, b) => a.line - b.line);
}

/**
 * Without what an exception covers. An exception that covers nothing is a finding too, so that the list stays short.
 */
export function withoutExceptions(findings: readonly Finding[], excepted: readonly Exception[]): Finding[] {
  const covers = (exception: Exception, { path, phrase }: Finding): boolean =>
    exception.path === path && phrase.includes(exception.phrase);
  return [
    ...findings.filter((finding) => !excepted.some((exception) => covers(exception, finding))),
    ...excepted
      .filter((exception) => !findings.some((finding) => covers(exception, finding)))
      .map(({ path, phrase }) => ({ path, line: 1, phrase, instead: 'remove the exception: it covers nothing' })),
  ];
}

function passagesOf(path: string, source: string): Passage[] {
  if (/\.(ts|js|css)$/.test(path)) return passagesOfSource(source);
  if (path.endsWith('.md')) return passagesOfMarkdown(source);
  if (path.endsWith('.html')) return passagesOfHtml(source);
  if (/\.(yaml|conf|service)$|Caddyfile$/.test(path)) return passagesOfHashComments(source);
  return [];
}

function filesOf(path: string): string[] {
  if (!statSync(join(projectFolder, path)).isDirectory()) return [path];
  return readdirSync(join(projectFolder, path), { recursive: true, encoding: 'utf8' })
    .filter((file) => !/(^|\/)(dist|node_modules)\//.test(file))
    .map((file) => join(path, file))
    .filter((file) => statSync(join(projectFolder, file)).isFile())
    .sort();
}

/** The first two folders of a path. */
function folderOf(path: string): string {
  return path.split('/').slice(0, -1).slice(0, 2).join('/') || '.';
}

if (process.argv[1] === import.meta.filename) {
  const paths = process.argv.slice(2);
  const all = (paths.length === 0 ? checkedPaths : paths)
    .flatMap(filesOf)
    .flatMap((path) => findPhrases(path, readFileSync(join(projectFolder, path), 'utf8')));
  const findings = withoutExceptions(all, paths.length === 0 ? exceptions : []);
  const counts = new Map<string, number>();
  for (const { path, line, phrase, instead } of findings) {
    console.log(`${path}:${line}: "${phrase}". Instead: ${instead}.`);
    counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + 1);
  }
  for (const [folder, count] of counts) console.log(`${String(count).padStart(5)} ${folder}`);
  if (findings.length > 0) process.exitCode = 1;
}
