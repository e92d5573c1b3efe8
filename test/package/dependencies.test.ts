import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectFolder, shippedPackages } from '../support/lock-file.ts';

const page = readFileSync(join(projectFolder, 'docs/dependencies.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};
/** These licences require only their notice, which every package contains. */
const permissive = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT'];

test('docs/dependencies.md explains every dependency in the version that is used', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    assert.ok(page.includes(`| \`${name}\` ${version} `), `${name} ${version}`);
  }
});

test('every shipped package is listed with its licence, and the licence is permissive', () => {
  const items = page.split(/^- /m);
  for (const { path, license } of shippedPackages()) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    // Of several licences any may be chosen.
    const choices = license?.replace(/[()]/g, '').split(' OR ') ?? [];
    assert.ok(
      choices.some((choice) => permissive.includes(choice)),
      `${name}: ${license}`,
    );
    const item = items.find((text) => text.startsWith(`${license}: `));
    assert.ok(item?.includes(`\`${name}\``), `${name} under ${license}`);
  }
});
