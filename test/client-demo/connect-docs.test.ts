import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../..', import.meta.url);
const editors = new URL('test/client-demo/pages/editors/', root);

test('docs/connect.md shows exactly the snippets that are run against the server', () => {
  const docs = readFileSync(new URL('docs/connect.md', root), 'utf8');
  const files = readdirSync(editors);
  assert.equal(files.length, 7);
  for (const file of files) {
    const code = readFileSync(new URL(file, editors), 'utf8').replace("'../document.js'", "'./document.js'");
    assert.ok(docs.includes(`\n${code}\`\`\``), `docs/connect.md differs from ${file}`);
  }
});
