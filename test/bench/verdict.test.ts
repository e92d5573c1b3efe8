import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absolute, plus, times } from './goals.ts';
import { verdictOn } from './verdict.ts';
import type { Figure } from './workload.ts';

const figure: Figure = {
  name: 'CPU per edit',
  unit: 'us',
  better: 'less',
  goals: [],
  values: {
    relay: [1, 1, 1],
    'y-websocket': [30, 10, 20],
    hocuspocus: [40, 50, 60],
    quire: [15, 5, 10],
  },
};

test('a goal is compared with the best peer, and a relay is not a peer', () => {
  assert.match(verdictOn(figure, times(0.5, 'best peer'))?.text ?? '', /x0\.5 of y-websocket, the best peer/);
  assert.equal(verdictOn(figure, times(0.5, 'best peer'))?.isReached, true);
  assert.equal(verdictOn(figure, times(0.49, 'best peer'))?.isReached, false);
});

test('if more is better, the best peer has the highest figure, and the goal is a minimum', () => {
  const joins: Figure = { ...figure, better: 'more' };
  assert.match(verdictOn(joins, times(6, 'best peer'))?.text ?? '', /of hocuspocus, the best peer; goal: at least x6/);
  assert.equal(verdictOn(joins, times(6, 'best peer'))?.isReached, false);
  assert.equal(verdictOn(joins, times(10, 'relay'))?.isReached, true);
  assert.equal(verdictOn(joins, times(10.1, 'relay'))?.isReached, false);
});

test('repetitions are compared one by one, so a moment that was slow for both does not count', () => {
  const drift: Figure = { ...figure, values: { relay: [10, 100, 1_000], quire: [11, 101, 1_001] } };
  assert.equal(verdictOn(drift, plus(1, 'relay'))?.isReached, true);
  assert.equal(verdictOn(drift, plus(0.9, 'relay'))?.isReached, false);
});

test('an absolute goal needs no other contender, and a goal whose contender is missing has no verdict', () => {
  assert.equal(verdictOn(figure, absolute(10))?.isReached, true);
  assert.equal(verdictOn(figure, absolute(9))?.isReached, false);
  assert.equal(verdictOn(figure, times(1, 'frame-relay')), null);
  assert.equal(verdictOn({ ...figure, values: { quire: [1], relay: [1] } }, times(1, 'best peer')), null);
  assert.equal(verdictOn(figure, absolute(1, 'quire-write')), null);
});
