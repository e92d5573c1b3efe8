import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../support/lock-file.ts';

/** The section of docs/connect.md about one editor. */
export interface DocumentedEditor {
  /** Its heading: `CodeMirror 6`. */
  readonly heading: string;
  /** The name of its folder: `codemirror`. */
  readonly name: string;
  /** The packages to install, `name@version`. */
  readonly packages: readonly string[];
  /** By file name: `editor.js` or `editor.jsx`, and `style.css`. */
  readonly files: ReadonlyMap<string, string>;
}

/** All files and packages of docs/connect.md. */
export interface ConnectDocs {
  /** `index.html` and `document.js`. */
  readonly shared: ReadonlyMap<string, string>;
  readonly sharedPackages: readonly string[];
  readonly editors: readonly DocumentedEditor[];
  /** `saved.js` and `people.js`. */
  readonly additions: ReadonlyMap<string, string>;
}

export function readConnectDocs(): ConnectDocs {
  const page = readFileSync(join(projectFolder, 'docs/connect.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);
  const section = (heading: string): string => {
    const found = sections.find((text) => text.startsWith(`${heading}\n`));
    if (found === undefined) throw new Error(`docs/connect.md has no section ${heading}`);
    return found;
  };
  const first = section('A first page');
  return {
    shared: filesIn(first),
    sharedPackages: packagesIn(first),
    editors: sections
      .filter((text) => filesIn(text).has('editor.js') || filesIn(text).has('editor.jsx'))
      .map((text) => {
        const heading = text.slice(0, text.indexOf('\n'));
        const name = heading.toLowerCase().split(' ')[0]!;
        return { heading, name, packages: packagesIn(text), files: filesIn(text) };
      }),
    additions: new Map([...filesIn(section('Saved indicator')), ...filesIn(section('User list'))]),
  };
}

/**
 * Writes a page from docs/connect.md. Only the server's URL and the document's name are replaced: they come from the
 * page's own URL, `?server=…&document=…`; `&guard=no` leaves `guardPresence` out.
 */
export function writePage(folder: string, docs: ConnectDocs, editor: DocumentedEditor, addition?: string): void {
  mkdirSync(folder, { recursive: true });
  const script = [...editor.files.keys()].find((file) => file.startsWith('editor.'))!;
  for (const [file, text] of [...docs.shared, ...editor.files, ...docs.additions]) {
    let written = text;
    if (file === 'index.html') written = replaced(text, './editor.js', `./${script}`);
    if (file === 'document.js') written = withParameters(text);
    if (file === script && addition !== undefined) written += `import './${addition}';\n`;
    writeFileSync(join(folder, file), written);
  }
}

function withParameters(text: string): string {
  const params = 'new URLSearchParams(location.search)';
  return [
    ["'ws://127.0.0.1:8080/sync'", `${params}.get('server')`],
    ["'my-document'", `${params}.get('document')`],
    ['guardPresence(provider', `if (${params}.get('guard') !== 'no') guardPresence(provider`],
  ].reduce((code, [from, to]) => replaced(code, from!, to!), text);
}

function replaced(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${from} stands ${parts.length - 1} times in:\n${text}`);
  return parts.join(to);
}

/** Code blocks whose first line is a comment with the name of a file. */
function filesIn(section: string): Map<string, string> {
  const blocks = section.matchAll(/^```\w+\n(?:\/\/|\/\*|<!--) ([\w.]+)(?: \*\/| -->)?\n([^]*?)^```/gm);
  return new Map(Array.from(blocks, ([, name, text]) => [name!, text!]));
}

/** The packages of its `npm install` lines, without paths and options. */
function packagesIn(section: string): string[] {
  const commands = section.replaceAll('\\\n', ' ').matchAll(/^npm install (.*)$/gm);
  return Array.from(commands, ([, args]) => args!.split(/\s+/))
    .flat()
    .filter((word) => /^@?[a-z]/.test(word));
}
