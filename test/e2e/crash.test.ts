import { test } from 'node:test';
import { crashWhileWriting } from './crash.ts';
import { repetitions } from '../support/repetitions.ts';

test('I1 I2: after SIGKILL nothing is missing that anybody had seen or was told is saved', (t) =>
  crashWhileWriting(t, { kills: repetitions(6, 12), killsPerRoom: repetitions(3, 6) }));
