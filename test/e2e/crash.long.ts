import { test } from 'node:test';
import { crashWhileWriting } from './crash.ts';

test('I1 I2: after each of 200 SIGKILLs, every edit that a client had received or that was saved is still there', (t) =>
  crashWhileWriting(t, { kills: 200, killsPerRoom: 10 }));
