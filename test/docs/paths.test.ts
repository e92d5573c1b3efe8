/** The paths that pages for developers name. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';

/** Paths from the top of the project in backquotes. Those with a placeholder in angle brackets are examples. */
function pathsIn(page: string): string[] {
  const text = readFileSync(join(projectFolder, page), 'utf8');
  const found = text.matchAll(/`((?:server|persistence|client-demo|test|docs|\.ci)\/[^`<\s]*)`/g);
  return Array.from(found, ([, path]) => path!);
}

for (const page of ['docs/contributing.md', 'test/README.md']) {
  test(`each path that ${page} names exists`, () => {
    const missing = pathsIn(page).filter(
      (path) => !['', '.ts'].some((end) => existsSync(join(projectFolder, path + end))),
    );
    assert.deepEqual(missing, []);
  });
}

test('docs/contributing.md names at least twenty files', () => {
  assert.ok(pathsIn('docs/contributing.md').length >= 20);
});

test('test/README.md names no helper that does not exist, and each class of test/support', () => {
  const page = readFileSync(join(projectFolder, 'test/README.md'), 'utf8');
  const folder = join(projectFolder, 'test/support');
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const sources = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) => Array.from(row.matchAll(/`([\w-]+\.ts)`/g), ([, file]) => file!));
  assert.deepEqual(
    named.filter((file) => !files.includes(file)),
    [],
  );
  const classes = Array.from(sources.matchAll(/^export class (\w+)/gm), ([, name]) => name!);
  assert.deepEqual(
    classes.filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});
