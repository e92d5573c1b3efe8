import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';

const folders = ['server', 'persistence', 'client-demo', 'test'];
const upperCase = /^(?:export )?const ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)\b/gm;

test('constants are in camelCase, like all other names of values', () => {
  const found: string[] = [];
  for (const folder of folders) {
    for (const file of readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || /(^|\/)(dist|node_modules)\//.test(file)) continue;
      const source = readFileSync(join(projectFolder, folder, file), 'utf8');
      for (const [, name] of source.matchAll(upperCase)) found.push(`${folder}/${file}: ${name}`);
    }
  }
  assert.deepEqual(found, []);
});
