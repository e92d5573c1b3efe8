import { test } from 'node:test';
import { replayFriendsForever } from './friendsforever.ts';

for (let round = 1; round <= 5; round++) {
  test(`I1 I4: two users write at the same time, with many lost connections and five restarts (${round})`, (t) =>
    replayFriendsForever(t, { txns: Infinity, txnsPerCut: 300, restarts: 5, maxPauseMs: 10 }));
}
