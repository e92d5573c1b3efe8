import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turnBudgetMs, TurnBudget } from '../../../server/net/turn-budget.ts';

/** A budget whose clock and turns the test controls. */
function budget() {
  let nowMs = 1_000;
  const callbacks: (() => void)[] = [];
  const turn = new TurnBudget({ now: () => nowMs, atEnd: (callback) => callbacks.push(callback) });
  const released: string[] = [];
  return {
    turn,
    released,
    pass: (ms: number) => {
      nowMs += ms;
    },
    hold: (name: string) => turn.hold({ release: () => released.push(name) }),
    endTurn: () => {
      for (const callback of callbacks.splice(0)) callback();
    },
  };
}

test('I6: a turn is spent when its messages have used up its budget, and the next turn has a new budget', () => {
  const { turn, pass, endTurn } = budget();
  turn.begin();
  pass(turnBudgetMs);
  assert.equal(turn.end(), turnBudgetMs);
  turn.begin();
  assert.equal(turn.isSpent, false);
  pass(1);
  assert.equal(turn.end(), 1);
  assert.equal(turn.isSpent, true);
  endTurn();
  assert.equal(turn.isSpent, false);
  pass(1_000);
  turn.begin();
  assert.equal(turn.isSpent, false, 'time in which nothing was handled does not count');
});

test('I6: held work is released in order, as far as each turn has time, and new input waits behind it', () => {
  const { turn, released, pass, hold, endTurn } = budget();
  const work = (name: string): void =>
    turn.hold({
      release: () => {
        released.push(name);
        pass(turnBudgetMs * 0.6);
        turn.end();
      },
    });
  turn.begin();
  assert.equal(turn.isFull, false);
  pass(turnBudgetMs + 1);
  turn.end();
  assert.equal(turn.isFull, true);
  hold('first');
  for (const name of ['second', 'third', 'fourth']) work(name);
  endTurn();
  assert.deepEqual(released, [], 'the sockets have had all of it');
  assert.equal(turn.isSpent, false);
  assert.equal(turn.isFull, true, 'others wait');
  pass(1_000);
  endTurn();
  assert.deepEqual(released, ['first', 'second', 'third'], 'the third takes more than there was');
  hold('fifth');
  endTurn();
  assert.deepEqual(released.slice(3), ['fourth', 'fifth']);
  assert.equal(turn.isFull, false);

  turn.begin();
  pass(turnBudgetMs * 0.5);
  turn.end();
  work('sixth');
  work('seventh');
  endTurn();
  assert.deepEqual(released.slice(5), ['sixth'], 'what the sockets have left');
  endTurn();
  assert.deepEqual(released.slice(6), ['seventh']);
});
