/**
 * Prints the bill of materials of the shipped packages: `npm run --silent sbom -- cyclonedx` or `spdx`.
 *
 * `npm sbom --omit=dev` alone leaves out packages that a development package also needs, among them yjs and lib0. So it
 * runs on a project without development packages.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder, shippedPackages } from '../support/lock-file.ts';

export const formats = ['cyclonedx', 'spdx'] as const;
export type Format = (typeof formats)[number];

/** As JSON. Reads the lockfile and asks no registry. */
export function billOfMaterials(format: Format): string {
  const { devDependencies: _, ...manifest } = projectJson('package.json');
  const lock = projectJson('package-lock.json');
  const packages = Object.fromEntries(shippedPackages().map(({ path, ...locked }) => [path, locked]));
  const folder = mkdtempSync(join(tmpdir(), 'quire-sbom-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(
      join(folder, 'package-lock.json'),
      JSON.stringify({ ...lock, packages: { '': manifest, ...packages } }),
    );
    const args = ['sbom', '--package-lock-only', `--sbom-format=${format}`];
    return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function projectJson(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(projectFolder, name), 'utf8')) as Record<string, unknown>;
}

if (process.argv[1] === import.meta.filename) {
  const format = formats.find((known) => known === process.argv[2]);
  if (format === undefined) {
    process.stderr.write(`Which format: ${formats.join(' or ')}?\n`);
    process.exitCode = 2;
  } else {
    process.stdout.write(billOfMaterials(format));
  }
}
