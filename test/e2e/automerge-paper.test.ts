import { test } from 'node:test';
import { writePaper } from './automerge-paper.ts';

test('I1 I4: the beginning of a paper is written keystroke by keystroke while the server is killed three times', async (t) => {
  await writePaper(t, { edits: 25_000, kills: 3 });
});
