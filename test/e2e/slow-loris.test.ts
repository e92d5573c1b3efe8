import { test } from 'node:test';
import { holdOpen } from './slow-loris.ts';

test('I6 I7: 240 who hold connections open in every phase are closed soon, and honest people connect meanwhile', (t) =>
  holdOpen(t, { attackers: 240, honest: 100, handshakeTimeoutS: 2 }));
