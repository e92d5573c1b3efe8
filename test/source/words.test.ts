import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPhrases, withoutExceptions } from './words.ts';

function found(path: string, source: string): string[] {
  return findPhrases(path, source).map(({ line, phrase }) => `${line}: ${phrase}`);
}

test('each refused phrase is found in a comment', () => {
  for (const text of [
    'Who reads slowly is closed.',
    'A socket is closed. Who reads it is told.',
    'Closed at once, who had it open must come back.',
    'A bound for who sends nothing.',
    'The address of who asks.',
    'Closes whoever is late.',
    'Whatever was read is dropped.',
    'Drops what is no frame.',
    'Nobody reads it.',
    'For somebody who types.',
    'Reads the file anew.',
    'There are 190 in all.',
    'Mends the table.',
    'Rooms that are let go.',
    'It lets them go.',
    'A certificate of ours.',
  ]) {
    assert.equal(found('server/a.ts', `/** ${text} */`).length, 1, text);
    assert.equal(found('docs/a.md', text).length, 1, text);
  }
});

test('a relative clause with a noun, an embedded question and parts of other words are not refused', () => {
  for (const text of [
    'A client who reads slowly is closed.',
    'Shows who has written a line.',
    'Users who leave are removed.',
    'Small calls are installed.',
    'The amendment is commended.',
    'It allows going back.',
  ]) {
    assert.deepEqual(found('server/a.ts', `// ${text}`), [], text);
    assert.deepEqual(found('docs/a.md', text), [], text);
  }
});

test('a phrase is found across the lines of a comment, at the line where it ends', () => {
  const source = ['const a = 1;', '/**', ' * A room that is let', ' * go.', ' *', ' * Who asks is told.', ' */'].join(
    '\n',
  );
  assert.deepEqual(found('server/a.ts', source), ['4: A room that is let go.', '6: Who asks is told.']);
  assert.deepEqual(found('server/a.ts', '// A bound for\n// who asks.'), ['2: A bound for who asks.']);
});

test('strings and templates are texts; code and regular expressions are not', () => {
  const source = [
    "const nobody = 'nobody reads it';",
    'const whoever = `${nobody === null ? `anew` : {}} or whatever`;',
    'const pattern = /[/"\']nobody/.test(whoever) / 2 / nobody;',
    "// ends: 'mend",
    'const last = "somebody";',
  ].join('\n');
  assert.deepEqual(found('server/a.ts', source), [
    '1: nobody reads it',
    '2: anew',
    '2: or whatever',
    "4: ends: 'mend",
    '5: somebody',
  ]);
});

test('code in Markdown is not a text, in fences and in backquotes; each table cell and list item begins a sentence', () => {
  const page = [
    'Run `nobody`.',
    '```',
    'whoever',
    '```',
    '| user | who asks |',
    '- who answers',
    'Nobody',
    'is told.',
  ].join('\n');
  assert.deepEqual(found('docs/a.md', page), [
    '5: who asks',
    '6: who answers Nobody is t',
    '7: who answers Nobody is told.',
  ]);
  assert.deepEqual(found('server/a.ts', '// The user `nobody` of the system.'), []);
});

test('pages, styles and configuration files are searched too', () => {
  assert.deepEqual(found('client-demo/index.html', '<p title="x">\nNobody is here</p>'), ['2: Nobody is here']);
  assert.deepEqual(found('client-demo/style.css', 'a { color: red } /* of ours */'), ['1: of ours']);
  assert.deepEqual(found('docs/deploy/quire.service', 'User=nobody\n# Read anew.'), ['2: Read anew.']);
  assert.deepEqual(found('docs/images/demo.svg', '<text>nobody</text>'), []);
});

test('an exception covers its phrase in its file only, and one that covers nothing is reported', () => {
  const findings = [
    ...findPhrases('server/a.ts', '// Nobody reads it.'),
    ...findPhrases('server/b.ts', '// Nobody reads it.'),
  ];
  const exception = { path: 'server/a.ts', phrase: 'Nobody reads', reason: 'a test' };
  assert.deepEqual(
    withoutExceptions(findings, [exception]).map(({ path }) => path),
    ['server/b.ts'],
  );
  const [unused] = withoutExceptions([], [exception]);
  assert.match(unused?.instead ?? '', /remove the exception/);
});
