import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsPage, selectTests } from './select-tests.ts';
import { projectFolder } from './support/lock-file.ts';

const select = (...words: readonly string[]): string[] => selectTests(projectFolder, '.test.ts', words);

test('words select the test files whose path contains one of them; without words all are selected', () => {
  const [one] = select('token-bucket');
  assert.equal(one, 'test/server/limits/token-bucket.test.ts');
  const both = select('token-bucket', 'cli/signals');
  assert.deepEqual(both, ['test/server/cli/signals.test.ts', 'test/server/limits/token-bucket.test.ts']);
  assert.deepEqual(select('no such test'), []);
  assert.ok(select().length > 150);
});

test('the page is built for browser tests, for the packages and for the whole suite, and not for other tests', () => {
  for (const words of [['client-demo/editing'], ['server/http/demo'], ['package/pack'], ['client/size'], []]) {
    assert.equal(needsPage(projectFolder, select(...words)), true, words.join());
  }
  for (const words of [['token-bucket'], ['server/sync/'], ['persistence/'], ['e2e/crash']]) {
    assert.equal(needsPage(projectFolder, select(...words)), false, words.join());
  }
});
