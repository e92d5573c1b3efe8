import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as Y from 'yjs';
import { paced } from '../support/deadline.ts';
import { emptyStateVector } from '../support/frames.ts';
import { mainThreadCpuMs } from '../support/main-thread-cpu.ts';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { assertTook } from '../support/slowness.ts';
import { sharedTextName, TextWriter } from '../support/text-writer.ts';
import type { Strike } from './attack-thread.ts';
import { attacks } from './attacks.ts';
import type { Attack } from './attacks.ts';

/** The pause between two edits of the neighbour. */
const editPauseMs = 2;
/** I6: the most CPU time of the server for one message of an attacker. */
const maxMessageMs = 50;

export interface NeighbourOptions {
  /** The number of windows of each attack, and the same number on another server. */
  readonly rounds: number;
  readonly windowMs: number;
  /** How long each attack runs before it is measured, because limits admit a burst first. */
  readonly warmUpMs: number;
}

/** How long the neighbour waited for "saved", in milliseconds. */
export interface NeighbourWaits {
  readonly attack: Attack;
  readonly calmMs: readonly number[];
  readonly attackedMs: readonly number[];
}

/**
 * Attacks a document with each of `attacks` while a neighbour types in another document. The windows alternate with
 * windows in which a second server is attacked, so that the cost of the attacker on this machine is in both. Asserts
 * I6: the neighbour loses no edit, and no attack takes more CPU time per message than a turn may take.
 */
export async function attackBeside(
  t: TestContext,
  { rounds, windowMs, warmUpMs }: NeighbourOptions,
): Promise<readonly NeighbourWaits[]> {
  const [quire, elsewhere] = [await startAttacked(t), await startAttacked(t)];
  const neighbour = await RawClient.open(`${quire.url}/neighbour`);
  await neighbour.sync();
  const thread = new Worker(new URL('attack-thread.js', import.meta.url));
  t.after(() => thread.terminate());
  const strike = async (order: Strike): Promise<number> => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage(order);
    return ((await once(thread, 'message')) as [number])[0];
  };
  const writer = new TextWriter(1);
  const type = async (untilMs: number, waitsMs: number[]): Promise<void> => {
    while (performance.now() < untilMs) {
      const sinceMs = performance.now();
      neighbour.edit(writer.type('x'));
      await neighbour.saved();
      waitsMs.push(performance.now() - sinceMs);
      await paced(editPauseMs);
    }
  };
  const all: NeighbourWaits[] = [];
  const cpuMs = (): number => mainThreadCpuMs(quire.process.pid) ?? 0;
  for (const [index, attack] of attacks().entries()) {
    const calm: number[] = [];
    const attacked: number[] = [];
    let sent = 0;
    let spentMs = 0;
    for (const { url } of [elsewhere, quire]) await strike({ url: `${url}/attacked`, index, forMs: warmUpMs });
    for (let round = 0; round < rounds; round++) {
      for (const { url, waitsMs } of [
        { url: elsewhere.url, waitsMs: calm },
        { url: quire.url, waitsMs: attacked },
      ]) {
        const sinceMs = cpuMs();
        const untilMs = performance.now() + windowMs;
        const order = { url: `${url}/attacked`, index, forMs: windowMs };
        const [count] = await Promise.all([strike(order), type(untilMs, waitsMs)]);
        if (waitsMs === attacked) sent += count;
        spentMs += (cpuMs() - sinceMs) * (waitsMs === attacked ? 1 : -1);
      }
    }
    const messageMs = spentMs / sent;
    t.diagnostic(`${attack.name}: ${sent} messages, ${messageMs.toFixed(2)} ms of the main thread each`);
    all.push({ attack, calmMs: calm, attackedMs: attacked });
    assertTook(messageMs, maxMessageMs, `${attack.name}: a message costs`);
  }
  const doc = new Y.Doc();
  const reader = await RawClient.open(`${quire.url}/neighbour`);
  for (const update of await reader.sync(emptyStateVector)) Y.applyUpdate(doc, update);
  assert.equal(doc.getText(sharedTextName).length, writer.clock, 'the neighbour lost something');
  return all;
}

/**
 * A server with a document to attack, on which a header sets the address of a client, so that limits by address apply.
 */
async function startAttacked(t: TestContext): Promise<Quire> {
  const quire = await Quire.start(t, {
    tls: 'off',
    args: ['--log-level', 'error', '--trusted-proxies', '127.0.0.1'],
  });
  const author = await RawClient.open(`${quire.url}/attacked`);
  await author.sync();
  author.edit(new TextWriter(1).type('x'.repeat(100_000)));
  await author.saved();
  author.terminate();
  return quire;
}
