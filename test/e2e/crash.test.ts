import { test } from 'node:test';
import { crashWhileWriting } from './crash.ts';
import { repetitions } from '../support/repetitions.ts';

test('I1 I2: after SIGKILL, every edit that a client had received or that was saved is still there', (t) =>
  crashWhileWriting(t, { kills: repetitions(6, 12), killsPerRoom: repetitions(3, 6) }));
