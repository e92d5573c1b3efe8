/** Attacks from a thread of its own, so that a neighbour in the thread of the test does not wait for its work. */
import { parentPort } from 'node:worker_threads';
import { paced } from '../support/deadline.ts';
import { encodeFrame } from '../support/frames.ts';
import { RawClient } from '../support/raw-client.ts';
import { attacks } from './attacks.ts';

/** The pause between two messages: as short as the limits allow for one client. */
const pauseMs = 5;

export interface Strike {
  /** The URL of the document. */
  readonly url: string;
  /** The index of the attack in `attacks`. */
  readonly index: number;
  readonly forMs: number;
}

const messages = attacks().map(({ frames }) => frames.map(encodeFrame));

parentPort?.on('message', (order: Strike) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  void strike(order, messages[order.index]!).then((sent) => parentPort?.postMessage(sent));
});

/** Sends messages in order, at least one, and reconnects when the server closes. Resolves with their number. */
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

/**
 * Connects each attack from its own address, which is not this machine, because loopback has no limits by address. Null
 * if refused.
 */
function open(url: string, index: number): Promise<RawClient | null> {
  const headers = { 'X-Forwarded-For': `192.0.2.${index + 1}` };
  return RawClient.open(url, { onFrame: () => {}, socket: { headers } }).catch(() => null);
}
