import { test } from 'node:test';
import { sendMutants } from './mutant-storm.ts';

test('I6 I4: 3,000 broken frames disturb nobody, and every document that got some opens as before', (t) =>
  sendMutants(t, 3_000));
