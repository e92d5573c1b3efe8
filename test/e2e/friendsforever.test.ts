import { test } from 'node:test';
import { replayFriendsForever } from './friendsforever.ts';

test('I1 I4: two people write at the same time through broken connections and a killed server, and all have the same text', (t) =>
  replayFriendsForever(t, { txns: 8_000, txnsPerCut: 1_200, restarts: 1, maxPauseMs: 2 }));
