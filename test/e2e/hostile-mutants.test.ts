import { test } from 'node:test';
import { sendMutants } from './mutant-storm.ts';
import { repetitions } from '../support/repetitions.ts';

test('I6 I4: broken frames disturb no other document, and every document that got some opens as before', (t) =>
  sendMutants(t, repetitions(400, 20_000)));
