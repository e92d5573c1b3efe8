import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { updateBatchMs, Rhythm, Ticker } from '../../../../server/sync/room/ticker.ts';
import type { Tickable } from '../../../../server/sync/room/ticker.ts';

let nowMs = 0;

class CountingRoom implements Tickable {
  readonly rhythm = new Rhythm();
  ticks = 0;
  onTick: () => void = () => {};

  tick(): void {
    this.ticks++;
    this.onTick();
  }
}

/** Rooms that have changed every millisecond until now, and have just sent the last change. */
function busyRooms(ticker: Ticker, count: number): CountingRoom[] {
  const rooms = Array.from({ length: count }, () => new CountingRoom());
  for (let ms = 0; ms < 50; ms++) {
    for (const room of rooms) ticker.schedule(room);
    pass(1);
  }
  for (let times = 0; times < 2; times++) pass(updateBatchMs);
  for (const room of rooms) {
    ticker.schedule(room);
    room.ticks = 0;
  }
  return rooms;
}

function busyRoom(ticker: Ticker): CountingRoom {
  return busyRooms(ticker, 1)[0]!;
}

/** Advances the clock of the ticker and its timer. */
function pass(ms: number): void {
  nowMs += ms;
  mock.timers.tick(ms);
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  nowMs = 1_000;
});

test('a quiet room sends at once', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = new CountingRoom();
  ticker.schedule(room);
  assert.equal(room.ticks, 1);
  nowMs += updateBatchMs;
  ticker.schedule(room);
  assert.equal(room.ticks, 2);
});

test('a room that changes a hundred times a second sends each change at once, at any spacing', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = new CountingRoom();
  for (let pair = 0; pair < 50; pair++) {
    ticker.schedule(room);
    pass(2);
    ticker.schedule(room);
    pass(18);
  }
  assert.equal(room.ticks, 100);
});

test('a room that starts to change every millisecond sends batches after eighteen changes', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = new CountingRoom();
  for (let change = 0; change < 19; change++) {
    ticker.schedule(room);
    pass(1);
  }
  assert.equal(room.ticks, 18);
});

test('a busy room batches for 5 ms and then sends once', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = busyRoom(ticker);
  for (let i = 0; i < 10; i++) ticker.schedule(room);
  assert.equal(room.ticks, 0);
  pass(updateBatchMs - 1);
  assert.equal(room.ticks, 0);
  pass(1);
  assert.equal(room.ticks, 1);
  pass(10 * updateBatchMs);
  assert.equal(room.ticks, 1);
});

test('a room with a batch waits for the timer, even if the timer is late', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = busyRoom(ticker);
  ticker.schedule(room);
  nowMs += 10 * updateBatchMs;
  ticker.schedule(room);
  assert.equal(room.ticks, 0);
  mock.timers.tick(updateBatchMs);
  assert.equal(room.ticks, 1);
});

test('all rooms with a batch share one timer, and no timer runs without a batch', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const rooms = busyRooms(ticker, 3);
  const armed = mock.method(globalThis, 'setTimeout');
  for (const room of rooms) ticker.schedule(room);
  assert.equal(armed.mock.callCount(), 1);
  pass(updateBatchMs);
  assert.deepEqual(
    rooms.map((room) => room.ticks),
    [1, 1, 1],
  );
  pass(10 * updateBatchMs);
  assert.equal(armed.mock.callCount(), 1);
  armed.mock.restore();
});

test('a change of a busy room during its tick is sent with the next tick', () => {
  const ticker = new Ticker(updateBatchMs, () => nowMs);
  const room = busyRoom(ticker);
  room.onTick = () => {
    room.onTick = () => {};
    ticker.schedule(room);
  };
  ticker.schedule(room);
  pass(updateBatchMs);
  assert.equal(room.ticks, 1);
  pass(updateBatchMs);
  assert.equal(room.ticks, 2);
});
