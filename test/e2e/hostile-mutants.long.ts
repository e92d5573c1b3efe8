import { test } from 'node:test';
import { sendMutants } from './mutant-storm.ts';

test('I6 I4: 100,000 broken frames affect no other document, and every attacked document opens as before', (t) =>
  sendMutants(t, 100_000));
