import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { GATHER_MS, Ticker, type Tickable } from '../../../server/sync/ticker.ts';

let nowMs = 0;

class CountingRoom implements Tickable {
  lastTickMs = -Infinity;
  ticks = 0;
  onTick: () => void = () => {};

  tick(): void {
    this.ticks++;
    this.onTick();
  }
}

/** Lets time pass for the ticker's clock and for its timer. */
function pass(ms: number): void {
  nowMs += ms;
  mock.timers.tick(ms);
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  nowMs = 1_000;
});

test('a quiet room is served at once', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  ticker.schedule(room);
  assert.equal(room.ticks, 1);
  nowMs += GATHER_MS;
  ticker.schedule(room);
  assert.equal(room.ticks, 2);
});

test('a busy room gathers for 5 ms and is then served once', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  ticker.schedule(room);
  for (let i = 0; i < 10; i++) ticker.schedule(room);
  assert.equal(room.ticks, 1);
  pass(GATHER_MS - 1);
  assert.equal(room.ticks, 1);
  pass(1);
  assert.equal(room.ticks, 2);
  pass(10 * GATHER_MS);
  assert.equal(room.ticks, 2);
});

test('a room that waits keeps waiting for the timer, though that is late', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  ticker.schedule(room);
  ticker.schedule(room);
  nowMs += 10 * GATHER_MS;
  ticker.schedule(room);
  assert.equal(room.ticks, 1);
  mock.timers.tick(GATHER_MS);
  assert.equal(room.ticks, 2);
});

test('one timer serves all rooms that wait, and none runs when nobody waits', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const rooms = Array.from({ length: 3 }, () => new CountingRoom());
  const armed = mock.method(globalThis, 'setTimeout');
  for (const room of rooms) ticker.schedule(room);
  assert.equal(armed.mock.callCount(), 0);
  for (const room of rooms) ticker.schedule(room);
  assert.equal(armed.mock.callCount(), 1);
  pass(GATHER_MS);
  assert.deepEqual(
    rooms.map((room) => room.ticks),
    [2, 2, 2],
  );
  pass(10 * GATHER_MS);
  assert.equal(armed.mock.callCount(), 1);
  armed.mock.restore();
});

test('what a room has to say while it is being served goes out with its next tick', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  room.onTick = () => {
    room.onTick = () => {};
    ticker.schedule(room);
  };
  ticker.schedule(room);
  assert.equal(room.ticks, 1);
  pass(GATHER_MS);
  assert.equal(room.ticks, 2);
});
