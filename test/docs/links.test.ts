/** The links of the documentation: to other pages, to headings, and to files of the project. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';

const pages = [
  'README.md',
  'CHANGELOG.md',
  'client-demo/client/README.md',
  ...readdirSync(join(projectFolder, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

/** A page without its code blocks. */
function proseOf(path: string): string {
  return readFileSync(join(projectFolder, path), 'utf8').replaceAll(/^```.*?^```$/gms, '');
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = Array.from(proseOf(path).matchAll(/^#+ (.*)$/gm), ([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every link of a page leads to a file of the project, and to a heading that the page has', () => {
  let count = 0;
  for (const page of pages) {
    for (const [, target = ''] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      count++;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(projectFolder, join(projectFolder, dirname(page), path));
      assert.ok(existsSync(join(projectFolder, file)), `${target} in ${page}`);
      if (anchor !== undefined) assert.ok(anchorsOf(file).has(anchor), `${target} in ${page}`);
    }
  }
  assert.ok(count > 100, `${count} links found`);
});
