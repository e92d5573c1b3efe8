import { test } from 'node:test';
import { randomOf } from '../../support/random.ts';
import { readAtRandom } from './answers-fuzz.ts';

for (const tls of [false, true]) {
  test(`I7: half-read responses${tls ? ' over TLS' : ''} stay within their bound, and every socket is released`, (t) =>
    readAtRandom(t, randomOf(t), tls, 200));
}
