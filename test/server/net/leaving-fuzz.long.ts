import { test } from 'node:test';
import { randomOf } from '../../support/random.ts';
import { leaveAtRandom } from './leaving-fuzz.ts';

for (const tls of [false, true]) {
  test(`clients that leave at random points${tls ? ' over TLS' : ''} are each closed once`, (t) =>
    leaveAtRandom(t, randomOf(t), tls, 400));
}
