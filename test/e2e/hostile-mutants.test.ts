import { test } from 'node:test';
import { sendMutants } from './mutant-storm.ts';
import { repetitions } from '../support/repetitions.ts';

test('I6 I4: broken frames affect no other document, and every attacked document opens as before', (t) =>
  sendMutants(t, repetitions(400, 20_000)));
