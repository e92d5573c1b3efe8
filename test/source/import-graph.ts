/**
 * Prints the folders of the program, the imports between them, and all import cycles: `npm run graph`, or
 * `npm run graph -- test persistence` for other folders. Imports of types count as well.
 *
 * Each folder is one node. A file beside subfolders, such as server/errors.ts, is a node of its own: otherwise the
 * folder above all others would import, and be imported by, nearly every other one.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectFolder } from '../support/lock-file.ts';

export const programFolders = ['client-demo', 'persistence', 'server'];

/** Which nodes each node imports. Every node is a key. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** A statement of `import … from '…'`, `export … from '…'` or `import '…'`; prettier puts it at the start of a line. */
const staticImport = /^(?:import|export)\b(?:[^'";]*?\bfrom)?\s*'(\.[^']+)'/gm;
/** `import('…')`, as a call or as a type. */
const dynamicImport = /\bimport\('(\.[^']+)'\)/g;

/** The imports between the TypeScript files of some folders of the project, as paths from `root`. */
export function importGraph(root: string, folders: readonly string[]): ImportGraph {
  const files = new Set(folders.flatMap((folder) => filesIn(root, folder)));
  return new Map(
    [...files].map((file) => [file, importsOf(root, file).filter((imported) => files.has(imported))] as const),
  );
}

/** The files that a file imports, each once. Paths are from `root`. Imports in the strings of tests name no file. */
export function importsOf(root: string, file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const specifiers = [...source.matchAll(staticImport), ...source.matchAll(dynamicImport)].map(([, path]) => path!);
  return [...new Set(specifiers.map((path) => join(dirname(file), path)))].filter((path) =>
    existsSync(join(root, path)),
  );
}

function filesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/(^|\/)(dist|node_modules)\//.test(path))
    .map((path) => join(folder, path))
    .sort();
}

/** The same graph between folders, without imports inside a folder. An edge is there once for each pair of files. */
export function folderGraph(graph: ImportGraph): ImportGraph {
  const folders = new Set([...graph.keys()].map(dirname));
  const nodeOf = (file: string): string => {
    const folder = dirname(file);
    return [...folders].some((other) => other.startsWith(`${folder}/`)) ? file : folder;
  };
  const nodes = new Map<string, string[]>();
  for (const [file, imported] of graph) {
    const edges = nodes.get(nodeOf(file)) ?? [];
    edges.push(...imported.map(nodeOf).filter((node) => node !== nodeOf(file)));
    nodes.set(nodeOf(file), edges);
  }
  return nodes;
}

/** The shortest cycle through each node, each cycle once. A cycle begins with its first node by name. */
export function cyclesOf(graph: ImportGraph): string[][] {
  const cycles = new Map<string, string[]>();
  for (const node of [...graph.keys()].sort()) {
    const cycle = shortestCycle(graph, node);
    if (cycle === null) continue;
    const first = cycle.indexOf([...cycle].sort()[0]!);
    const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
    cycles.set(turned.join(' '), turned);
  }
  return [...cycles.values()];
}

function shortestCycle(graph: ImportGraph, start: string): string[] | null {
  const paths = [[start]];
  const seen = new Set<string>();
  for (const path of paths) {
    for (const next of graph.get(path.at(-1)!) ?? []) {
      if (next === start) return path;
      if (seen.has(next)) continue;
      seen.add(next);
      paths.push([...path, next]);
    }
  }
  return null;
}

/** The graph as text: folders with their number of files, edges with their number of imports, cycles. */
export function describe(graph: ImportGraph): string {
  const folders = folderGraph(graph);
  const fileCounts = tally([...graph.keys()].map(dirname));
  const edges = [...folders].sort(byName).flatMap(([node, imported]) => {
    const counts = [...tally(imported)].sort(byName);
    return counts.length === 0 ? [] : [`  ${node}`, ...counts.map(([to, count]) => `    -> ${to} (${count})`)];
  });
  return [
    'Folders, with their number of files',
    ...[...fileCounts].sort(byName).map(([folder, count]) => `  ${folder} ${count}`),
    '',
    'Imports between folders, with the number of file pairs',
    ...edges,
    '',
    ...section('Cycles between files', cyclesOf(graph)),
    '',
    ...section('Cycles between folders', cyclesOf(folders)),
    '',
  ].join('\n');
}

function section(title: string, cycles: readonly (readonly string[])[]): string[] {
  if (cycles.length === 0) return [`${title}: none`];
  return [`${title}: ${cycles.length}`, ...cycles.map((cycle) => `  ${[...cycle, cycle[0]].join(' -> ')}`)];
}

function tally(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

if (process.argv[1] === import.meta.filename) {
  const folders = process.argv.slice(2);
  process.stdout.write(describe(importGraph(projectFolder, folders.length === 0 ? programFolders : folders)));
}
