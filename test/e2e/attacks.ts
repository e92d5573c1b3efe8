import * as Y from 'yjs';
import type { Frame } from '../support/frames.ts';
import { emptyStateVector } from '../support/frames.ts';
import { nestedTypes } from '../support/nested-types.ts';
import { bytesOf, struct, updateOf } from '../support/update-bytes.ts';

/** The messages that are sent over one connection, repeatedly until it is closed. */
export interface Attack {
  readonly name: string;
  readonly frames: readonly Frame[];
}

/** One attack for each line of the table in docs/security.md that can be repeated at will. */
export function attacks(): readonly Attack[] {
  const missing = Array.from({ length: 220 }, (_, k) => struct.textAfter(9_000_000 - k, 1, 'x'));
  const states = Array.from({ length: 50_000 }, (_, i) => ({ client: i + 1, clock: 1, state: '{}' }));
  return [
    { name: 'an update of format V2', frames: [update(updateV2())] },
    { name: 'seven bytes that claim 33 million structs', frames: [update(bytesOf(1, 33_000_000, 1, 0))] },
    {
      name: 'updates with missing dependencies',
      frames: Array.from({ length: 200 }, (_, i) =>
        answer(updateOf([{ client: 10_000 - i, clock: 1, structs: missing }])),
      ),
    },
    {
      name: 'a GC and a Skip at a far clock',
      frames: [struct.gc(10), struct.skip(10)].map((far) =>
        answer(updateOf([{ client: 1, clock: 1_000_000, structs: [far, struct.gc(1)] }])),
      ),
    },
    { name: 'types nested 20,000 deep', frames: [update(nestedTypes(5, 20_000).created)] },
    { name: '100,000 client ids', frames: [update(manyClients(100_000))] },
    {
      name: 'SyncStep1 again and again',
      frames: [{ type: 'sync-step-1', stateVector: emptyStateVector }],
    },
    { name: 'awareness of 50,000', frames: [{ type: 'awareness', entries: states }] },
    {
      name: 'an awareness clock of 2^53 - 1',
      frames: [{ type: 'awareness', entries: [{ client: 1, clock: Number.MAX_SAFE_INTEGER, state: '{}' }] }],
    },
  ];
}

function update(bytes: Uint8Array): Frame {
  return { type: 'update', update: bytes };
}

function answer(bytes: Uint8Array): Frame {
  return { type: 'sync-step-2', update: bytes };
}

function updateV2(): Uint8Array {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, 'hello');
  doc.getText('text').delete(1, 2);
  return Y.encodeStateAsUpdateV2(doc);
}

/** An update with one struct for each of this many clients. */
function manyClients(count: number): Uint8Array {
  const structs = [struct.gc(1)];
  return updateOf(Array.from({ length: count }, (_, i) => ({ client: 2 ** 31 - i, clock: 0, structs })));
}
