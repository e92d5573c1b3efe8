import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shippedPackages } from '../support/lock-file.ts';
import { billOfMaterials } from './bill-of-materials.ts';

interface CycloneDx {
  readonly components: readonly Component[];
}
interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly unknown[];
  readonly licenses?: readonly unknown[];
}
interface Spdx {
  readonly packages: readonly { readonly name: string; readonly versionInfo: string }[];
}

/** Every package in the image and in an installation, as `name@version`. */
const shipped = [...new Set(shippedPackages().map(({ path, version }) => `${nameOf(path)}@${version}`))].sort();

test('the bill of materials lists exactly the shipped packages, with hashes and licences', () => {
  const { components } = JSON.parse(billOfMaterials('cyclonedx')) as CycloneDx;
  assert.deepEqual([...new Set(components.map(({ name, version }) => `${name}@${version}`))].sort(), shipped);
  for (const { name, hashes, licenses } of components) {
    assert.ok(hashes?.length && licenses?.length, `${name} without a hash or a licence`);
  }
  const { packages } = JSON.parse(billOfMaterials('spdx')) as Spdx;
  const listed = new Set(packages.map(({ name, versionInfo }) => `${name}@${versionInfo}`));
  assert.deepEqual(
    shipped.filter((one) => !listed.has(one)),
    [],
  );
});

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
