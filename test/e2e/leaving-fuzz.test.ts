import { test } from 'node:test';
import { repetitions } from '../support/repetitions.ts';
import { leaveServerAtRandom } from './leaving-fuzz.ts';

test('I1 I2: clients that leave a busy server are gone, and every edit that was received or acknowledged is on disk', (t) =>
  leaveServerAtRandom(t, repetitions(3, 12)));
