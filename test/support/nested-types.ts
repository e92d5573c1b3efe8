import * as Y from 'yjs';
import { withDeleteSet } from '../../persistence/update/merge.ts';
import { RangeSet } from '../../persistence/update/ranges.ts';
import { emptyUpdate } from './frames.ts';

/** Types of one client, nested `depth` deep, and the deletion of the outermost, which deletes all of them. */
export function nestedTypes(client: number, depth: number): { created: Uint8Array; deleted: Uint8Array } {
  const doc = new Y.Doc();
  doc.clientID = client;
  doc.transact(() => {
    let parent = doc.getMap<unknown>('map');
    for (let i = 0; i < depth; i++) {
      const child = new Y.Map<unknown>();
      parent.set('k', child);
      parent = child;
    }
  });
  const deleted = withDeleteSet(emptyUpdate, RangeSet.from([client, 0, 1]).encodeDeleteSet());
  return { created: Y.encodeStateAsUpdate(doc), deleted };
}
