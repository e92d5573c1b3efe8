import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { projectFolder } from '../support/lock-file.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { cyclesOf, describe, folderGraph, importGraph, programFolders } from './import-graph.ts';
import type { ImportGraph } from './import-graph.ts';

function graphOf(t: TestContext, files: Readonly<Record<string, string>>): ImportGraph {
  const root = tempFolder(t);
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), source);
  }
  return importGraph(root, ['src']);
}

test('the graph finds a cycle between files, also one of types, of re-exports and of import()', (t) => {
  const cases = [
    "import { a } from './a.ts';",
    "import type { A } from './a.ts';",
    "import {\n  a,\n  type A,\n} from './a.ts';",
    "import './a.ts';",
    "export type { A } from './a.ts';",
    "export * from './a.ts';",
    "const { a } = await import('./a.ts');",
    "type A = import('./a.ts').A;",
  ];
  for (const statement of cases) {
    const graph = graphOf(t, {
      'src/a.ts': "import { b } from './b.ts';",
      'src/b.ts': statement,
      'src/c.ts': "import { a } from './a.ts';",
    });
    assert.deepEqual(cyclesOf(graph), [['src/a.ts', 'src/b.ts']], statement);
  }
});

test('the graph finds a cycle between folders whose files form none', (t) => {
  const graph = graphOf(t, {
    'src/one/a.ts': "import { b } from '../two/b.ts';",
    'src/one/c.ts': '',
    'src/two/b.ts': '',
    'src/two/d.ts': "import { c } from '../one/c.ts';",
  });
  assert.deepEqual(cyclesOf(graph), []);
  assert.deepEqual(cyclesOf(folderGraph(graph)), [['src/one', 'src/two']]);
});

test('a file beside subfolders is a node of its own, so that a root and its parts form no cycle', (t) => {
  const graph = graphOf(t, {
    'src/app.ts': "import { a } from './part/a.ts';",
    'src/errors.ts': '',
    'src/part/a.ts': "import { e } from '../errors.ts';\nimport { fs } from 'node:fs';",
  });
  assert.deepEqual(cyclesOf(folderGraph(graph)), []);
  assert.equal(
    describe(graph),
    [
      'Folders, with their number of files',
      '  src 2',
      '  src/part 1',
      '',
      'Imports between folders, with the number of file pairs',
      '  src/app.ts',
      '    -> src/part (1)',
      '  src/part',
      '    -> src/errors.ts (1)',
      '',
      'Cycles between files: none',
      '',
      'Cycles between folders: none',
      '',
    ].join('\n'),
  );
});

test('the shortest cycle through each file is reported once', (t) => {
  const graph = graphOf(t, {
    'src/a.ts': "import './b.ts';\nimport './c.ts';",
    'src/b.ts': "import './c.ts';",
    'src/c.ts': "import './a.ts';",
    'src/x.ts': "import './y.ts';",
    'src/y.ts': "import './x.ts';\nimport './a.ts';",
  });
  assert.deepEqual(cyclesOf(graph), [
    ['src/a.ts', 'src/c.ts'],
    ['src/a.ts', 'src/b.ts', 'src/c.ts'],
    ['src/x.ts', 'src/y.ts'],
  ]);
});

/** Each folder may import those before it. */
const syncFolders = ['protocol', 'presence', 'room', 'join', 'session'].map((name) => `server/sync/${name}`);

test('the folders of the program import each other in one direction', () => {
  const folders = folderGraph(importGraph(projectFolder, programFolders));
  assert.deepEqual(cyclesOf(folders), []);
  for (const [at, folder] of syncFolders.entries()) {
    const wrong = (folders.get(folder) ?? []).filter((to) => syncFolders.indexOf(to) > at);
    assert.deepEqual(wrong, [], `${folder} imports a folder that stands above it`);
  }
});
