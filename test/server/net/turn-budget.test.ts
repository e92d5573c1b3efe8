import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TURN_BUDGET_MS, TurnBudget } from '../../../server/net/turn-budget.ts';

/** A budget whose clock and turns the test moves. */
function budget() {
  let nowMs = 1_000;
  const callbacks: (() => void)[] = [];
  const turn = new TurnBudget({ now: () => nowMs, nextTurn: (callback) => callbacks.push(callback) });
  const released: string[] = [];
  return {
    turn,
    released,
    pass: (ms: number) => {
      nowMs += ms;
    },
    hold: (name: string) => turn.hold({ release: () => released.push(name) }),
    nextTurn: () => {
      for (const callback of callbacks.splice(0)) callback();
    },
  };
}

test('I6: a turn is spent when its messages have taken their time, and the next one begins anew', () => {
  const { turn, pass, nextTurn } = budget();
  turn.begin();
  pass(TURN_BUDGET_MS);
  assert.equal(turn.end(), TURN_BUDGET_MS);
  turn.begin();
  assert.equal(turn.isSpent, false);
  pass(1);
  assert.equal(turn.end(), 1);
  assert.equal(turn.isSpent, true);
  nextTurn();
  assert.equal(turn.isSpent, false);
  pass(1_000);
  turn.begin();
  assert.equal(turn.isSpent, false, 'time in which nothing was handled does not count');
});

test('I6: who is held is released in a later turn, one in each, in order', () => {
  const { turn, released, hold, nextTurn } = budget();
  turn.begin();
  hold('first');
  hold('second');
  hold('third');
  assert.deepEqual(released, []);
  nextTurn();
  assert.deepEqual(released, ['first']);
  nextTurn();
  assert.deepEqual(released, ['first', 'second']);
  nextTurn();
  nextTurn();
  assert.deepEqual(released, ['first', 'second', 'third']);
});
