import { test } from 'node:test';
import { holdOpen } from './slow-loris.ts';

test('I6 I7: 2,000 clients that hold connections open in each phase are closed by the deadline of 10 s; 999 of 1,000 honest clients connect', (t) =>
  holdOpen(t, { attackers: 2_000, honest: 1_000, handshakeTimeoutS: 10 }));
