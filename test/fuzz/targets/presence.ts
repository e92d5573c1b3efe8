import assert from 'node:assert/strict';
import { applyAwarenessUpdate, Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { RefusedError } from '../../../server/errors.ts';
import { MessageReader } from '../../../server/sync/protocol/wire.ts';
import { Presence, presenceTimeoutMs } from '../../../server/sync/presence/presence.ts';
import type { PresenceOwner } from '../../../server/sync/presence/presence-state.ts';
import { encodeEntries, readEntries } from '../../support/frames.ts';
import type { AwarenessEntry } from '../../support/frames.ts';
import type { Random } from '../../support/random.ts';
import { bytesOf } from '../../support/update-bytes.ts';
import type { FuzzTarget } from '../target.ts';

/** The action that the first byte of a step stands for. The rest of the step is the message. */
const steps = { apply: 0, leave: 1, wait: 2, tick: 3 } as const;

/** Further steps are ignored. */
const maxSteps = 200;

interface Replay {
  /** The messages to all clients. */
  readonly sent: readonly Uint8Array[];
  /** The message that a new client gets at the end. */
  readonly all: Uint8Array | null;
  readonly nudges: readonly Uint8Array[];
  readonly refusals: number;
  readonly size: number;
}

/**
 * Sessions that announce any presence states. Other clients can read the relayed states, and each has its real user.
 */
export const presenceTarget: FuzzTarget<Replay> = {
  seeds: () => [
    step(steps.apply, 0, encodeEntries([entry(1, 1, '{"user":{"name":"x"},"cursor":null}')])),
    Buffer.concat([
      step(steps.apply, 0, encodeEntries([entry(1, 1, '{}')])),
      step(steps.apply, 1, encodeEntries([entry(2, 2 ** 31, '{"a":["\\"]"]}')])),
      step(steps.tick, 0),
      step(steps.apply, 1, encodeEntries([entry(1, 1, '{}'), entry(2, 2 ** 31 + 1, null)])),
      step(steps.leave, 0),
      step(steps.wait, 1),
    ]),
    step(steps.apply, 2, bytesOf(1, 2 ** 53 - 1, 0, '[1e999,"\ud83d\ude42"]')),
  ],
  generate: (random) => Buffer.concat(Array.from({ length: 1 + random.below(8) }, () => randomStep(random))),
  decode: replay,
  refusal: () => null,
  check({ sent, all, nudges, refusals, size }) {
    const awareness = new Awareness(new Y.Doc());
    for (const update of [...sent, ...nudges, ...(all === null ? [] : [all])]) {
      applyAwarenessUpdate(awareness, update, 'server');
    }
    awareness.destroy();
    const present = all === null ? [] : readEntries(all);
    assert.equal(new Set(present.map(({ client }) => client)).size, present.length, 'a client is present twice');
    assert.ok(present.length <= owners.length && size <= 64, 'a session has two states');
    for (const { state } of present)
      assert.ok(JSON.parse(state ?? 'null') !== null, 'a client is present without a state');
    const known = present.flatMap(({ state }) => userOf(state));
    // The session without a known user may claim any user, for itself only.
    const others = known.filter((id) => !owners.some(({ userId }) => userId === id));
    assert.ok(others.length <= 1, 'a client is shown as another user');
    return `${present.length} present, ${Math.min(refusals, 2)} refused, ${Math.min(sent.length, 3)} sent`;
  },
};

const owners: readonly PresenceOwner[] = [
  { userId: 'ada', person: { name: 'Ada', color: null } },
  { userId: 'bob', person: { name: 'Bob', color: '#00f' } },
  { userId: 'bob', person: { name: 'Bob', color: '#00f' } },
  // Its claims are believed, as on a server without authentication.
  { userId: '', person: null },
];

/** Applies the steps as a room does. A refused session ends, and a new session takes its place. */
function replay(input: Uint8Array): Replay {
  const presence = new Presence();
  const sessions = owners.map((owner) => ({ ...owner }));
  const sent: Uint8Array[] = [];
  const nudges: Uint8Array[] = [];
  let refusals = 0;
  let nowMs = 0;
  for (const { kind, sessionIndex, message } of stepsOf(input)) {
    const session = sessions[sessionIndex] as PresenceOwner;
    if (kind === steps.wait) presence.expire((nowMs += presenceTimeoutMs / 2));
    else if (kind === steps.tick) take(presence, sent);
    else if (kind === steps.leave || !applies(presence, session, message, nowMs)) {
      if (kind !== steps.leave) refusals++;
      presence.release(session);
      sessions[sessionIndex] = { ...(owners[sessionIndex] as PresenceOwner) };
    }
    const nudge = presence.nudge(session);
    if (nudge !== null) nudges.push(nudge);
  }
  take(presence, sent);
  return { sent, all: presence.encodeAll(), nudges, refusals, size: presence.size };
}

function take(presence: Presence, sent: Uint8Array[]): void {
  const message = presence.takeDirty();
  if (message !== null) sent.push(message);
}

function applies(presence: Presence, session: PresenceOwner, message: Uint8Array, nowMs: number): boolean {
  try {
    presence.apply(session, message, nowMs);
    return true;
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'malformed') return false;
    throw error;
  }
}

interface Step {
  readonly kind: number;
  readonly sessionIndex: number;
  readonly message: Uint8Array;
}

/** The steps at the start of the input. An input without any is the message of one step. */
function stepsOf(input: Uint8Array): Step[] {
  const reader = new MessageReader(input);
  const found: Step[] = [];
  try {
    while (found.length < maxSteps) {
      const head = reader.varUint();
      found.push({ kind: head % 4, sessionIndex: Math.floor(head / 4) % owners.length, message: reader.bytes() });
    }
  } catch {
    // The input has ended, or its rest is not a step.
  }
  return found.length > 0 ? found : [{ kind: steps.apply, sessionIndex: 0, message: input }];
}

function step(kind: number, sessionIndex: number, message: Uint8Array = Uint8Array.of()): Uint8Array {
  return bytesOf(kind + sessionIndex * 4, message.length, message);
}

function entry(client: number, clock: number, state: string | null): AwarenessEntry {
  return { client, clock, state };
}

function randomStep(random: Random): Uint8Array {
  const entries = Array.from({ length: random.pick([1, 1, 1, 0, 2, 3]) }, () =>
    entry(
      random.below(4),
      random.pick([0, 1, 2, 3, 2 ** 31, 2 ** 31 + 2 ** 16, 2 ** 53 - 1]),
      random.pick([
        null,
        '{}',
        '{"user":{"name":"Eve","id":"eve"}}',
        '{"name":"Eve"}',
        '[]',
        '1',
        ' null',
        '"',
        '{"a":{}}',
      ]),
    ),
  );
  return step(random.pick([0, 0, 0, 1, 2, 3]), random.below(owners.length), encodeEntries(entries));
}

function userOf(state: string | null): unknown[] {
  const read = JSON.parse(state ?? 'null') as { user?: { id?: unknown } } | null;
  return typeof read === 'object' && read !== null && !Array.isArray(read) ? [read.user?.id] : [];
}
