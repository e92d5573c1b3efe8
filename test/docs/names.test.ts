import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';

/** Commands that would fetch the npm package `quire`, which is another project. */
const strangers = [
  /\bnpx (?:--?\S+ )*quire\b(?!-)/,
  /\bnpm (?:exec|x) (?:--?\S+ )*(?:-- )?quire\b(?!-)/,
  /\b(?:npm (?:install|i|add|ci)|yarn add|pnpm add|bun add) [^`\n]*(?<![\w./-])quire(?![\w./-])/,
  /\bquire@/,
  /from 'quire(?:\/\w+)?'/,
];
/**
 * Commands for this project's packages, which are not published: only a path to a tarball or a folder installs them.
 */
const unpublished =
  /\b(?:npm (?:install|i|add)|npx|yarn add|pnpm add) [^`\n]*(?<![\w./-])quire-(?:server|client)(?![\w-]|\.tgz)/;

const texts = [
  'README.md',
  'Dockerfile',
  'client-demo/client/README.md',
  ...filesIn('docs', /\.(md|yaml|service|conf)$/),
];
const sources = [
  ...filesIn('server', /\.ts$/),
  ...filesIn('client-demo', /\.(ts|html)$/),
  ...filesIn('persistence', /\.ts$/),
];

test('no page and no message tells a reader to run the npm package quire, which is another project', () => {
  assert.ok(texts.length > 20 && sources.length > 200);
  for (const path of [...texts, ...sources]) {
    const lines = readFileSync(join(projectFolder, path), 'utf8').split('\n');
    lines.forEach((line, index) => {
      for (const pattern of [...strangers, unpublished]) {
        assert.doesNotMatch(line, pattern, `${path}:${index + 1}`);
      }
    });
  }
});

test('the patterns match commands for unpublished packages, and not the commands that work', () => {
  for (const line of [
    'npx quire serve',
    'npx --yes quire doctor',
    'npm install --global quire',
    'npm install quire yjs',
    'npm exec -- quire serve',
    'npm i quire@latest',
    "import { trackSaved } from 'quire/client';",
    'npm install quire-client',
    'npm install --global quire-server',
  ]) {
    assert.ok(
      [...strangers, unpublished].some((pattern) => pattern.test(line)),
      line,
    );
  }
  for (const line of [
    'npm install --global ./quire-server-0.1.0.tgz',
    'npm install yjs y-websocket /path/to/quire/quire-client-0.1.0.tgz',
    "import { trackSaved } from 'quire-client';",
    'quire serve',
    'systemctl enable --now quire',
    '(cd /path/to/quire && npm ci && npm pack ./client-demo/client)',
  ]) {
    for (const pattern of [...strangers, unpublished]) assert.doesNotMatch(line, pattern);
  }
});

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(path) && !path.includes('dist/'))
    .map((path) => join(folder, path));
}
