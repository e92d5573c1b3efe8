import type { TestContext } from 'node:test';
import { scanUpdate } from '../../persistence/update/scan.ts';
import type { RefusedError } from '../../server/errors.ts';
import type { Broadcast } from '../../server/sync/room/broadcast.ts';
import type { Submission } from '../../server/sync/room/intake.ts';
import { Nudger } from '../../server/sync/presence/nudger.ts';
import type { Peer } from '../../server/sync/room/peer.ts';
import { Room } from '../../server/sync/room/room.ts';
import { SyncStats } from '../../server/sync/stats.ts';
import { presenceBatchMs, Ticker, updateBatchMs } from '../../server/sync/room/ticker.ts';
import { UnsavedEdits } from '../../server/sync/room/unsaved-edits.ts';
import { FakeLog } from './fake-log.ts';
import { FakeOffload } from './fake-offload.ts';
import { isScratchName } from '../../server/net/scratch-name.ts';

/** A session as its room sees it: writes down what it is told. */
export class FakePeer implements Peer {
  readonly userId: string;
  readonly person = null;
  readonly grant = null;
  readonly broadcasts: Broadcast[] = [];
  readonly presence: Uint8Array[] = [];
  /** What it was told, in order: `deliver`, `committed`, `end`. */
  readonly calls: string[] = [];
  refusal: RefusedError | null = null;

  constructor(userId = 'ada') {
    this.userId = userId;
  }

  get updates(): Uint8Array[] {
    return this.broadcasts.flatMap(({ update }) => (update === null ? [] : [update]));
  }

  deliver(broadcast: Broadcast): void {
    this.calls.push('deliver');
    this.broadcasts.push(broadcast);
  }

  deliverPresence(states: Uint8Array): void {
    this.presence.push(states);
  }

  committed(): void {
    this.calls.push('committed');
  }

  sweep(): void {}

  renew(): void {}

  end(refusal: RefusedError): void {
    this.calls.push('end');
    this.refusal ??= refusal;
  }
}

/** One room over a log that commits by command, and a clock that the test moves. Mocks the timers of its test. */
export class RoomFixture {
  readonly log: FakeLog;
  readonly room: Room;
  readonly stats: SyncStats;
  readonly failures: readonly Error[];
  readonly #clock: { nowMs: number };
  readonly #t: TestContext;

  private constructor(
    t: TestContext,
    parts: Pick<RoomFixture, 'log' | 'room' | 'stats' | 'failures'>,
    clock: { nowMs: number },
  ) {
    this.#t = t;
    this.log = parts.log;
    this.room = parts.room;
    this.stats = parts.stats;
    this.failures = parts.failures;
    this.#clock = clock;
  }

  static async load(t: TestContext, log = new FakeLog(), maxDocumentBytes = Infinity): Promise<RoomFixture> {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = { nowMs: 0 };
    const stats = new SyncStats();
    const failures: Error[] = [];
    const room = await Room.load('doc', {
      log,
      isTransient: isScratchName,
      stats,
      maxDocumentBytes,
      ticker: new Ticker(updateBatchMs, () => clock.nowMs),
      presenceTicker: new Ticker(presenceBatchMs, () => clock.nowMs),
      unsaved: new UnsavedEdits(),
      nudger: new Nudger(),
      offload: new FakeOffload(),
      failed: (_, error) => failures.push(error),
    });
    return new RoomFixture(t, { log, room, stats, failures }, clock);
  }

  /** A peer in the room. */
  join(userId?: string): FakePeer {
    const peer = new FakePeer(userId);
    this.room.join(peer);
    return peer;
  }

  submit(update: Uint8Array, answer = false): Submission {
    return this.room.submit(update, scanUpdate(update), answer, {
      userId: 'ada',
      newClientsLeft: Infinity,
      unsavedBytes: 0,
    });
  }

  commit(count?: number): void {
    this.log.commit('doc', count);
  }

  /** From now on, for as long as no time passes, the room batches commits and presence. */
  becomeBusy(): void {
    for (let change = 0; change < 20; change++) this.room.rhythm.changed(this.#clock.nowMs);
    this.room.rhythm.lastTickMs = this.#clock.nowMs;
  }

  /** Lets time pass: by default until a busy room sends its batch. */
  passMs(ms = updateBatchMs): void {
    this.#clock.nowMs += ms;
    this.#t.mock.timers.tick(ms);
  }
}
