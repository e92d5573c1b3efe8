import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';
import { readConnectDocs } from './connect-pages.ts';

const docs = readConnectDocs();
const { dependencies } = JSON.parse(
  readFileSync(join(projectFolder, 'test/client-demo/pages/package.json'), 'utf8'),
) as { dependencies: Readonly<Record<string, string>> };

test('docs/connect.md has a page for seven editors, each with code, an install line and a height', () => {
  assert.deepEqual(
    docs.editors.map(({ name }) => name),
    ['tiptap', 'codemirror', 'prosemirror', 'quill', 'monaco', 'blocknote', 'lexical'],
  );
  assert.deepEqual([...docs.shared.keys()], ['index.html', 'document.js']);
  assert.deepEqual([...docs.additions.keys()], ['saved.js', 'people.js']);
  for (const { heading, files, packages } of docs.editors) {
    assert.match(files.get('style.css') ?? '', /height:/, heading);
    assert.ok(packages.length > 1, heading);
  }
});

test('the install lines of docs/connect.md install every package that its code imports', () => {
  for (const { heading, files, packages } of docs.editors) {
    const installed = [...docs.sharedPackages, ...packages].map(nameOf);
    const code = [...docs.shared.values(), ...files.values(), ...docs.additions.values()].join('\n');
    for (const [, from] of code.matchAll(/(?:from|^import) '([^./'][^']*)'/gm)) {
      const [name] = /^(@[^/]+\/)?[^/]+/.exec(from!)!;
      assert.ok(name === 'quire-client' || installed.includes(name), `${heading} imports ${name}`);
    }
  }
});

test('the install lines of docs/connect.md name the versions that are tested', () => {
  for (const installed of [...docs.sharedPackages, ...docs.editors.flatMap(({ packages }) => packages)]) {
    const name = nameOf(installed);
    if (name !== 'vite') assert.equal(installed, `${name}@${dependencies[name]}`);
  }
});

/** `@scope/name` of `@scope/name@1.2.3`. */
function nameOf(installed: string): string {
  return /^@?[^@]+/.exec(installed)![0];
}
