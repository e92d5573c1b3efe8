import { test } from 'node:test';
import { crashWhileWriting } from './crash.ts';

test('I1 I2: after SIGKILL nothing is missing that anybody had seen or was told is saved', (t) =>
  crashWhileWriting(t, { kills: 12, killsPerRoom: 6 }));
