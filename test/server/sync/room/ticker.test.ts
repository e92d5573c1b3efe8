import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { GATHER_MS, Rhythm, Ticker, type Tickable } from '../../../../server/sync/room/ticker.ts';

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

/** Rooms that had news every millisecond until now, and have just sent the last of it. */
function busyRooms(ticker: Ticker, count: number): CountingRoom[] {
  const rooms = Array.from({ length: count }, () => new CountingRoom());
  for (let ms = 0; ms < 50; ms++) {
    for (const room of rooms) ticker.schedule(room);
    pass(1);
  }
  for (let times = 0; times < 2; times++) pass(GATHER_MS);
  for (const room of rooms) {
    ticker.schedule(room);
    room.ticks = 0;
  }
  return rooms;
}

function busyRoom(ticker: Ticker): CountingRoom {
  return busyRooms(ticker, 1)[0]!;
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

test('a room that has news a hundred times a second is served at once each time, however they fall', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  for (let pair = 0; pair < 50; pair++) {
    ticker.schedule(room);
    pass(2);
    ticker.schedule(room);
    pass(18);
  }
  assert.equal(room.ticks, 100);
});

test('a room that begins to have news every millisecond gathers after eighteen of them', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = new CountingRoom();
  for (let news = 0; news < 19; news++) {
    ticker.schedule(room);
    pass(1);
  }
  assert.equal(room.ticks, 18);
});

test('a busy room gathers for 5 ms and is then served once', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = busyRoom(ticker);
  for (let i = 0; i < 10; i++) ticker.schedule(room);
  assert.equal(room.ticks, 0);
  pass(GATHER_MS - 1);
  assert.equal(room.ticks, 0);
  pass(1);
  assert.equal(room.ticks, 1);
  pass(10 * GATHER_MS);
  assert.equal(room.ticks, 1);
});

test('a room that waits keeps waiting for the timer, though that is late', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = busyRoom(ticker);
  ticker.schedule(room);
  nowMs += 10 * GATHER_MS;
  ticker.schedule(room);
  assert.equal(room.ticks, 0);
  mock.timers.tick(GATHER_MS);
  assert.equal(room.ticks, 1);
});

test('one timer serves all rooms that wait, and none runs when nobody waits', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const rooms = busyRooms(ticker, 3);
  const armed = mock.method(globalThis, 'setTimeout');
  for (const room of rooms) ticker.schedule(room);
  assert.equal(armed.mock.callCount(), 1);
  pass(GATHER_MS);
  assert.deepEqual(
    rooms.map((room) => room.ticks),
    [1, 1, 1],
  );
  pass(10 * GATHER_MS);
  assert.equal(armed.mock.callCount(), 1);
  armed.mock.restore();
});

test('what a busy room has to say while it is being served goes out with its next tick', () => {
  const ticker = new Ticker(GATHER_MS, () => nowMs);
  const room = busyRoom(ticker);
  room.onTick = () => {
    room.onTick = () => {};
    ticker.schedule(room);
  };
  ticker.schedule(room);
  pass(GATHER_MS);
  assert.equal(room.ticks, 1);
  pass(GATHER_MS);
  assert.equal(room.ticks, 2);
});
