import { test } from 'node:test';
import { randomOf } from '../../../support/random.ts';
import { compareWithYjs } from './knowledge-model.ts';

test('Knowledge agrees with Y.Doc over 1,000 documents and some 48,000 updates', (t) => {
  t.diagnostic(JSON.stringify(compareWithYjs(randomOf(t), 1000)));
});
