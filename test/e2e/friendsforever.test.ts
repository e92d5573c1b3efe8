import { test } from 'node:test';
import { replayFriendsForever } from './friendsforever.ts';

test('I1 I4: two users write at the same time, with lost connections and a killed server, and all clients have the same text', (t) =>
  replayFriendsForever(t, { txns: 8_000, txnsPerCut: 1_200, restarts: 1, maxPauseMs: 2 }));
