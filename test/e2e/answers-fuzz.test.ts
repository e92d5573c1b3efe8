import { test } from 'node:test';
import { repetitions } from '../support/repetitions.ts';
import { readServerAtRandom } from './answers-fuzz.ts';

test('I6 I7: pipelined requests for everything, read in any way, keep turns below 50 ms and leave no socket', (t) =>
  readServerAtRandom(t, repetitions(2, 20)));
