/** Attacks from a thread of its own, so that its work is not what a neighbour in the test's thread waits for. */
import { parentPort, workerData } from 'node:worker_threads';
import { paced } from '../support/deadline.ts';
import { encodeFrame } from '../support/frames.ts';
import { RawClient } from '../support/raw-client.ts';
import { attacks } from './attacks.ts';

/** Between two messages: as fast as one client gets through who is not cut off. */
const pauseMs = 5;

export interface Strike {
  /** Of the attack among `attacks`. */
  readonly index: number;
  readonly forMs: number;
}

const { url } = workerData as { readonly url: string };
const messages = attacks().map(({ frames }) => frames.map(encodeFrame));

parentPort?.on('message', ({ index, forMs }: Strike) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  void strike(messages[index]!, forMs).then((sent) => parentPort?.postMessage(sent));
});

function open(): Promise<RawClient> {
  return RawClient.open(url, { onFrame: () => {} });
}

/** Sends one after the other, over a new connection whenever the server closes. Resolves with how many. */
async function strike(bytes: readonly Uint8Array[], forMs: number): Promise<number> {
  const untilMs = performance.now() + forMs;
  let sent = 0;
  let attacker = await open();
  while (performance.now() < untilMs) {
    if (!attacker.isOpen) attacker = await open();
    attacker.sendBytes(bytes[sent++ % bytes.length]!);
    await attacker.pinged().catch(() => {});
    await paced(pauseMs);
  }
  attacker.terminate();
  return sent;
}
