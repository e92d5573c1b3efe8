import type { WebsocketProvider } from 'y-websocket';
import type { Doc } from 'yjs';
import { throttle } from './dom.ts';
import { fingerprint } from './fingerprint.ts';
import type { SavedTracker } from '../client/client.ts';

/** What a tab publishes about its copy of the document: the field `proof` of its awareness state. */
export interface Proof {
  readonly hash: string;
  readonly sent: number;
  readonly saved: number;
  readonly received: number;
  readonly roundTripMs: number | null;
}

/** Reads a proof from another tab, which can send anything. Undefined if it is not a proof. */
export function asProof(value: unknown): Proof | undefined {
  const { hash, sent, saved, received, roundTripMs } = (value ?? {}) as Partial<Record<keyof Proof, unknown>>;
  if (typeof hash !== 'string' || !/^[\da-f-]{1,40}$/.test(hash)) return undefined;
  return { hash, sent: count(sent), saved: count(saved), received: count(received), roundTripMs: time(roundTripMs) };
}

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
const time = (value: unknown): number | null => (typeof value === 'number' ? value : null);

export interface Tab {
  readonly doc: Doc;
  readonly provider: WebsocketProvider;
  readonly saved: SavedTracker;
}

const intervalMs = 300;

/** Publishes this tab's proof while any tab shows the panel (`watching` in its awareness state). */
export function publishProof({ doc, provider, saved }: Tab): void {
  const { awareness } = provider;
  let received = 0;
  let published = '';

  const publish = throttle(() => {
    if (![...awareness.getStates().values()].some((state) => state['watching'])) return;
    const { edits, savedEdits, roundTripMs } = saved.state;
    const proof: Proof = { hash: fingerprint(doc), sent: edits, saved: savedEdits, received, roundTripMs };
    const text = JSON.stringify(proof);
    // Publishing changes awareness, which calls this again.
    if (text === published) return;
    published = text;
    awareness.setLocalStateField('proof', proof);
  }, intervalMs);

  doc.on('update', (_update: Uint8Array, origin: unknown) => {
    if (origin === provider) received++;
    publish();
  });
  saved.subscribe(publish);
  awareness.on('change', publish);
}
