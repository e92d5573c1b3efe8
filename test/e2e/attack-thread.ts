/** Attacks from a thread of its own, so that its work is not what a neighbour in the test's thread waits for. */
import { parentPort } from 'node:worker_threads';
import { paced } from '../support/deadline.ts';
import { encodeFrame } from '../support/frames.ts';
import { RawClient } from '../support/raw-client.ts';
import { attacks } from './attacks.ts';

/** Between two messages: as fast as one client gets through who is not cut off. */
const pauseMs = 5;

export interface Strike {
  /** Of the document. */
  readonly url: string;
  /** Of the attack among `attacks`. */
  readonly index: number;
  readonly forMs: number;
}

const messages = attacks().map(({ frames }) => frames.map(encodeFrame));

parentPort?.on('message', (order: Strike) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  void strike(order, messages[order.index]!).then((sent) => parentPort?.postMessage(sent));
});

/** Sends one after the other, at least one, over a new connection whenever the server closes. Resolves with how many. */
async function strike({ url, index, forMs }: Strike, bytes: readonly Uint8Array[]): Promise<number> {
  const untilMs = performance.now() + forMs;
  let sent = 0;
  let attacker: RawClient | null = null;
  while (performance.now() < untilMs || sent === 0) {
    if (attacker?.isOpen !== true) attacker = await open(url, index);
    if (attacker !== null) {
      attacker.sendBytes(bytes[sent++ % bytes.length]!);
      await attacker.pinged().catch(() => {});
    }
    await paced(pauseMs);
  }
  attacker?.terminate();
  return sent;
}

/** Every attack from an address of its own, and not from this machine, for which no limit by address holds. Null if refused. */
function open(url: string, index: number): Promise<RawClient | null> {
  const headers = { 'X-Forwarded-For': `192.0.2.${index + 1}` };
  return RawClient.open(url, { onFrame: () => {}, socket: { headers } }).catch(() => null);
}
