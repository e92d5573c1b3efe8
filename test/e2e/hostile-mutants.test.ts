import { test } from 'node:test';
import { sendMutants } from './mutant-storm.ts';

test('I6 I4: 10,000 broken frames disturb nobody, and every document that got some opens as before', (t) =>
  sendMutants(t, 10_000));
