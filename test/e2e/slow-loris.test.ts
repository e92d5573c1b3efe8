import { test } from 'node:test';
import { holdOpen } from './slow-loris.ts';

test('I6 I7: 240 clients that hold connections open in each phase are closed soon, and honest clients connect meanwhile', (t) =>
  holdOpen(t, { attackers: 240, honest: 100, handshakeTimeoutS: 2 }));
